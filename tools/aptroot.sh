# shellcheck shell=bash
# A private apt root: package lists of other architectures and of sources, without telling the system's
# dpkg about them. Sourced after lib.sh. Its sources are the machine's own Debian ones, main only.

# debian_repositories: "URI SUITE" of each Debian repository that the machine is configured for.
debian_repositories() {
    local list
    list=$(list_repositories)
    if [[ -z $list && $EUID -eq 0 ]]; then
        apt-get -q update >/dev/null || return 1
        list=$(list_repositories)
    fi
    [[ -n $list ]] || die "apt knows no Debian repository with main: run apt-get update"
    printf '%s\n' "$list"
}
list_repositories() {
    # shellcheck disable=SC2016
    apt-get indextargets --format '$(REPO_URI) $(RELEASE)' \
        'Created-By: Packages' 'Origin: Debian' 'Component: main' | sort -u
}

# apt_source TYPE URI SUITE [ARCH]: the lines of one source.
apt_source() {
    local keyring=/usr/share/keyrings/debian-archive-keyring.gpg
    printf 'Types: %s\nURIs: %s\nSuites: %s\nComponents: main\n' "$1" "$2" "$3"
    [[ -z ${4:-} ]] || printf 'Architectures: %s\n' "$4"
    [[ ! -e $keyring ]] || printf 'Signed-By: %s\n' "$keyring"
    printf '\n'
}

# apt_root_open DIR TYPE [ARCH]: makes the root of TYPE deb (packages of ARCH) or deb-src in DIR.
apt_root_open() {
    local dir=$1 type=$2 arch=${3:-} uri suite repositories
    repositories=$(debian_repositories)
    mkdir -p "$dir"/state/lists/partial "$dir"/cache/archives/partial
    : >"$dir/status"
    while read -r uri suite; do
        apt_source "$type" "$uri" "$suite" "$arch"
    done <<<"$repositories" >"$dir/limpet.sources"
    cat >"$dir/apt.conf" <<-CONF
		Dir::State "$dir/state";
		Dir::State::status "$dir/status";
		Dir::Cache "$dir/cache";
		Dir::Etc::sourcelist "$dir/limpet.sources";
		Dir::Etc::sourceparts "/dev/null";
		Dir::Etc::preferences "/dev/null";
		Dir::Etc::preferencesparts "/dev/null";
		APT::Architectures { "${arch:-$(dpkg --print-architecture)}"; };
		APT::Architecture "${arch:-$(dpkg --print-architecture)}";
		APT::Sandbox::User "root";
		APT::Acquire::Retries "3";
		Acquire::Languages "none";
	CONF
}

# apt_root_add_backports DIR TYPE ARCH: what Debian has newer for the machine's release comes first in the root of DIR.
apt_root_add_backports() {
    local release uri
    # shellcheck source=/dev/null
    release=$(. /etc/os-release && echo "$VERSION_CODENAME")
    uri=$(debian_repositories | awk -v release="$release" '$2 == release { print $1; exit }')
    [[ -n $uri ]] || die "apt knows no repository of Debian's release $release"
    apt_source "$2" "$uri" "$release-backports" "$3" >>"$1/limpet.sources"
}

# apt_root DIR COMMAND...: an apt command (apt-get, apt-cache) in that root.
apt_root() {
    local dir=$1
    shift
    APT_CONFIG=$dir/apt.conf LC_ALL=C.UTF-8 "$@"
}

# fetch_verified FILE SHA256 PATH [BASE...]: downloads PATH below the first BASE that has it with that
# digest. Nothing else is ever left under the name FILE.
fetch_verified() {
    local file=$1 sha256=$2 path=$3 base
    shift 3
    if [[ -f $file ]] && sha256sum -c --quiet <<<"$sha256  $file" 2>/dev/null; then
        return 0
    fi
    for base in "$@"; do
        rm -f "$file.part"
        if /usr/lib/apt/apt-helper -o APT::Sandbox::User=root -q \
            download-file "${base%/}/$path" "$file.part" "SHA256:$sha256" >"$file.log" 2>&1 &&
            sha256sum -c --quiet <<<"$sha256  $file.part"; then
            mv "$file.part" "$file"
            rm -f "$file.log"
            return 0
        fi
        cat "$file.log"
    done
    rm -f "$file.part" "$file.log"
    return 1
}
