# shellcheck shell=bash
# The builds that tests run on, each with a folder of its own below build/. Sourced after lib.sh.

BUILD_ROOT=$TOP/build

# build_options NAME: what is special in the build of that name.
build_options() {
    case $1 in
    release | bite-release) ;;
    sanitize | bite-sanitize)
        printf '%s\n' -DCMAKE_BUILD_TYPE=Debug '-DCMAKE_C_FLAGS_DEBUG=-O1 -g' \
            -DLIMPET_SANITIZE=address,undefined
        # Hundreds of programs: lld takes a fifth of the time for each.
        if command -v ld.lld >/dev/null; then printf '%s\n' -DCMAKE_EXE_LINKER_FLAGS=-fuse-ld=lld; fi
        ;;
    clang) printf '%s\n' -DCMAKE_C_COMPILER=clang ;;
    *) die "no build is called $1" ;;
    esac
}

# build_configure NAME [CMAKE OPTION...]
build_configure() {
    local options
    mapfile -t options < <(build_options "$1")
    cmake -S "$TOP" -B "$BUILD_ROOT/$1" -G Ninja -DLIMPET_WERROR=ON "${options[@]}" "${@:2}"
}

# build_targets NAME [TARGET...]: goes on after a failure, so that what does build can be tested.
build_targets() {
    ninja -C "$BUILD_ROOT/$1" -k 0 -j "${LIMPET_JOBS:-$(nproc)}" "${@:2}"
}

# sanitizer_environment: what a program of the sanitize build runs with.
sanitizer_environment() {
    export ASAN_OPTIONS=detect_stack_use_after_return=1:strict_string_checks=1:abort_on_error=0
    export UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1
}
