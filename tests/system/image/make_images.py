#!/usr/bin/env python3
"""Writes OCI archives, good and hostile, into a folder: make_images.py FOLDER HOST_FOLDER [CASE...]

HOST_FOLDER is a folder of the host that hostile layers aim at. Each case is FOLDER/<case>.tar with one image,
test.local/<case>:1."""
import gzip
import hashlib
import io
import json
import os
import platform
import subprocess
import sys
import tarfile

OUT, HOST = sys.argv[1], sys.argv[2]
ARCH = {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())
LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"
INDEX = "application/vnd.oci.image.index.v1+json"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"


def digest(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


def entry(name, kind=tarfile.REGTYPE, data=b"", mode=0o644, **fields):
    info = tarfile.TarInfo(name)
    info.type = kind
    info.mode = mode
    info.size = len(data)
    for key, value in fields.items():
        setattr(info, key, value)
    return info, data


def folder(name, mode=0o755, **fields):
    return entry(name, tarfile.DIRTYPE, mode=mode, **fields)


def link(name, to):
    return entry(name, tarfile.SYMTYPE, linkname=to, mode=0o777)


def hard(name, to):
    return entry(name, tarfile.LNKTYPE, linkname=to)


def xattr(name, data, **attributes):
    info, data = entry(name, data=data)
    info.pax_headers = {"SCHILY.xattr." + k.replace("__", "."): v for k, v in attributes.items()}
    return info, data


def pack(entries):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for info, data in entries:
            tar.addfile(info, io.BytesIO(data))
    return out.getvalue()


def squeeze(data):
    return gzip.compress(data, 6, mtime=0)


class Image:
    """What an archive holds; hostile cases bend it before it is written."""

    def __init__(self, *layers):
        self.tars = [pack(layer) for layer in layers]
        self.blobs = [squeeze(t) for t in self.tars]
        self.diff_ids = [digest(t) for t in self.tars]
        self.config = {"architecture": ARCH, "os": "linux",
                       "config": {"Env": ["A=b"], "Cmd": ["/bin/true"]}}
        self.manifest = {"schemaVersion": 2, "mediaType": MANIFEST}
        self.bend = lambda manifest: None

    def top(self, put):
        """What the archive's index says of it; put(bytes) makes a blob and says what it is."""
        config = dict(self.config, rootfs={"type": "layers", "diff_ids": self.diff_ids})
        manifest = dict(self.manifest)
        manifest["config"] = dict(put(json.dumps(config).encode()), mediaType=CONFIG)
        manifest["layers"] = [dict(put(b), mediaType=LAYER) for b in self.blobs]
        self.bend(manifest)
        return dict(put(json.dumps(manifest).encode()), mediaType=MANIFEST)

    def write(self, case):
        blobs = {}

        def put(data):
            blobs[digest(data)] = data
            return {"digest": digest(data), "size": len(data)}

        top = self.top(put)
        top["annotations"] = {"org.opencontainers.image.ref.name": f"test.local/{case}:1"}
        index = {"schemaVersion": 2, "mediaType": INDEX, "manifests": [top]}
        files = [("oci-layout", b'{"imageLayoutVersion":"1.0.0"}'), ("index.json", json.dumps(index).encode())]
        files += [("blobs/sha256/" + d[7:], data) for d, data in blobs.items()]
        with open(os.path.join(OUT, case + ".tar"), "wb") as out:
            out.write(pack([entry(name, data=data) for name, data in files]))


class Index(Image):
    """Images for several platforms, and an attestation of a builder, which is none."""

    def __init__(self, images):
        super().__init__()
        self.images = images

    def top(self, put):
        tops = [dict(image.top(put), platform=image.platform) for image in self.images]
        tops.insert(0, dict(tops[0], platform={"os": "unknown", "architecture": "unknown"}))
        index = {"schemaVersion": 2, "mediaType": INDEX, "manifests": tops}
        return dict(put(json.dumps(index).encode()), mediaType=INDEX)


def several(*platforms):
    """An index with an image for each "os/architecture[/variant]", whose etc/which says it."""
    def build():
        images = []
        for platform_ in platforms:
            os_, arch, variant = (platform_ + "/").split("/")[:3]
            image = Image([folder("etc"), entry("etc/which", data=platform_.encode())])
            image.config.update(architecture=arch, os=os_)
            image.platform = dict(os=os_, architecture=arch, **({"variant": variant} if variant else {}))
            images.append(image)
        return Index(images)
    return build


def plain():
    base = [
        folder("."), folder("bin"), entry("bin/tool", data=b"#!tool", mode=0o4755, uid=7, gid=8),
        hard("bin/again", "bin/tool"), link("bin/sh", "/bin/tool"), folder("etc"),
        entry("etc/motd", data=b"old"), entry("etc/keep", data=b"keep"), folder("opt"),
        entry("opt/a", data=b"a"), entry("opt/b", data=b"b"), folder("gone"), entry("gone/x", data=b"x"),
        folder("again"), entry("again/old", data=b"old"),
        entry("etc/\u00fcn\u00ef", data=b"utf8"), entry("deep/er/file", data=b"deep"),
        entry("tmp/scratch", data=b"t"), xattr("etc/attr", b"attr", user__colour="blue"),
        entry("fifo", tarfile.FIFOTYPE, mode=0o600), entry("long/" + "n" * 200, data=b"long"),
    ]
    upper = [
        folder("etc"), entry("etc/.wh.motd"), folder("opt"), entry("opt/.wh..wh..opq"),
        entry("opt/c", data=b"c"), entry(".wh.gone"), entry(".wh.again"), folder("again"),
        entry("again/new", data=b"new"),
    ]
    top = [folder("etc"), entry("etc/motd", data=b"new", mode=0o600), hard("etc/motd2", "etc/motd")]
    return Image(base, upper, top)


def bent(change):
    image = Image([folder("etc"), entry("etc/x", data=b"x")])
    change(image)
    return image


def set_diff_id(image):
    image.diff_ids = [digest(b"something else")]


def truncate(image):
    image.blobs = [b[:len(b) // 2] for b in image.blobs]


def with_manifest(**fields):
    def change(image):
        image.bend = lambda manifest: manifest.update(fields)
    return lambda: bent(change)


def with_layer(**fields):
    def change(image):
        image.bend = lambda manifest: manifest["layers"][0].update(fields)
    return lambda: bent(change)


def with_config(**fields):
    return lambda: bent(lambda image: image.config.update(fields))


def raw_layer(make):
    """A layer given as the bytes of its tar."""
    def build():
        image = Image([])
        image.tars = [make()]
        image.blobs = [squeeze(t) for t in image.tars]
        image.diff_ids = [digest(t) for t in image.tars]
        return image
    return build


def size_lie():
    info = tarfile.TarInfo("etc/huge")
    info.size = 1 << 50
    return info.tobuf(tarfile.GNU_FORMAT) + b"x" * 512 + b"\0" * 1024


def with_pax(name, **headers):
    info, data = entry(name, data=b"x")
    info.pax_headers = headers
    return info, data


def zstd_layer(entries, *options):
    image = Image(entries)
    image.blobs = [subprocess.run(["zstd", "-q", "-c", *options], input=tar, check=True, stdout=subprocess.PIPE).stdout
                   for tar in image.tars]
    return image


def zstd_window(entries):
    """One block that is not compressed, in a frame that wants 2 GiB of memory to be read."""
    image = Image(entries)
    image.blobs = [b"\x28\xb5\x2f\xfd\x00\xa8" + (len(tar) << 3 | 1).to_bytes(3, "little") + tar for tar in image.tars]
    return image


def of(*entries):
    return lambda: Image([folder("etc"), *entries])


CASES = {
    "plain": plain,
    "second": lambda: Image(*[[folder("etc"), entry("etc/only", data=b"second")]]),
    "several": several("windows/amd64", "linux/s390x", "linux/arm/v7", "linux/arm64/v8", "linux/amd64"),
    "others": several("windows/amd64", "linux/s390x"),
    # of bytes that do not compress; of large, each layer would fit
    "large": lambda: Image(*[[entry(f"f{i}", data=os.urandom(5 << 20))] for i in range(2)]),
    "half": lambda: Image([entry("f", data=os.urandom(1 << 20))]),
    # refused, and nothing of them stays
    "dotdot": of(entry("../../escape", data=b"x")),
    "dotdot-inside": of(entry("etc/../../../escape", data=b"x")),
    "hard-dotdot": of(hard("etc/passwd", "../../../../../../etc/passwd")),
    "hard-host": of(hard("etc/stolen", HOST + "/sentinel")),
    "hard-through-link": of(link("out", HOST), hard("etc/stolen", "out/sentinel")),
    "whiteout-dotdot": of(entry("../.wh.sentinel")),
    "whiteout-parent": of(entry("etc/.wh...")),
    "whiteout-self": of(entry("etc/.wh..")),
    "whiteout-nothing": of(entry("etc/.wh.")),
    "root-link": of(link(".", HOST)),
    "owner-overflow": of(entry("etc/x", data=b"x", uid=1 << 32)),
    "owner-minus": of(entry("etc/x", data=b"x", uid=0xffffffff)),
    "too-deep": of(entry("d/" * 150 + "x", data=b"x")),
    "long-name": of(entry("n" * 300, data=b"x")),
    "size-lie": raw_layer(size_lie),
    "pax-size-lie": of(with_pax("etc/huge", size=str(1 << 50))),
    "sparse-lie": of(with_pax("etc/huge", **{"GNU.sparse.size": str(1 << 50), "GNU.sparse.numblocks": "1",
                                             "GNU.sparse.map": "0,1", "GNU.sparse.name": "etc/huge"})),
    "bomb-zstd": lambda: zstd_layer([entry("zeros", data=b"\0" * (200 << 20))]),
    "zstd-window": lambda: zstd_window([entry("x", data=b"x")]),
    "no-tar": raw_layer(lambda: b"this is no tar archive" * 100),
    "wrong-diff-id": lambda: bent(set_diff_id),
    "truncated": lambda: bent(truncate),
    "bomb": lambda: Image([folder("etc"), entry("etc/zeros", data=b"\0" * (200 << 20))]),
    "inodes": lambda: Image([entry(f"f{i}") for i in range(4000)]),
    "ambiguous": with_manifest(manifests=[]),
    "schema1": with_manifest(schemaVersion=1),
    "bad-digest": with_layer(digest="sha256:../../../../etc/passwd"),
    "foreign": with_layer(mediaType="application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
                          urls=["http://127.0.0.1:9/x"]),
    "size-differs": with_layer(size=7),
    "oversize": with_layer(size=1 << 60),
    "other-machine": with_config(architecture="s390x"),
    "volume": with_config(config={"Volumes": {"/data/../../etc": {}}}),
    # taken, and the host is left alone
    "absolute": of(entry("/etc/absolute", data=b"x"), entry(HOST + "/planted", data=b"x")),
    "link-escape": of(link("out", HOST), entry("out/planted", data=b"x")),
    "link-dotdot": of(link("out", "../../../../../../.." + HOST), entry("out/planted", data=b"x")),
    "link-whiteout": of(link("out", HOST), entry("out/.wh.sentinel")),
    "link-opaque": of(link("out", HOST), entry("out/.wh..wh..opq")),
    "link-mode": of(link("out", HOST), folder("out", mode=0o777)),
    "replaced": of(folder("d"), entry("d/x", data=b"x"), link("d", HOST), entry("d/planted", data=b"x")),
    "devices": of(entry("dev/sda", tarfile.BLKTYPE, mode=0o666, devmajor=8, devminor=0),
                  entry("dev/zero", tarfile.CHRTYPE, mode=0o666, devmajor=1, devminor=5)),
    "attributes": of(xattr("etc/a", b"x", trusted__overlay__opaque="y", user__overlay__opaque="y",
                           security__evil="1", user__fine="yes")),
    "empty": lambda: Image([]),
    "twice": lambda: Image([entry("x", data=b"1")], [entry("y", data=b"2")], [entry("x", data=b"1")]),
}

for name in sys.argv[3:] or CASES:
    CASES[name]().write(name)
