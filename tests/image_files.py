"""Images of containers for tests: docker's archive (old and new), OCI's layout, the tar of a file system.

A layer is {path: content}: bytes or text is a file, None a folder, ("->", target) a symbolic link, ("=", target) a hard
link, (0o755, content) a file of that mode; a tarfile.TarInfo is taken as it is.
"""

import gzip
import hashlib
import io
import json
import shutil
import subprocess
import tarfile


def member(path, content):
    """One entry of a tar: its header and its bytes."""
    if isinstance(content, tarfile.TarInfo):
        return content, b""
    info = tarfile.TarInfo(path)
    if content is None:
        info.type, info.mode = tarfile.DIRTYPE, 0o755
        return info, b""
    if isinstance(content, tuple) and isinstance(content[0], int):
        info.mode, content = content
    elif isinstance(content, tuple):
        info.type = tarfile.SYMTYPE if content[0] == "->" else tarfile.LNKTYPE
        info.linkname = content[1]
        return info, b""
    data = content.encode() if isinstance(content, str) else content
    info.size = len(data)
    return info, data


def tar(files, to=None, **options):
    """A tar of the files, as bytes or into the file `to`."""
    out = to or io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", **options) as archive:
        for path, content in files.items():
            info, data = member(path, content)
            archive.addfile(info, io.BytesIO(data))
    return None if to else out.getvalue()


def packed(data, how):
    """The bytes of a layer, plain, gzip or zstd."""
    if how == "gzip":
        return gzip.compress(data, 1)
    if how == "zstd":
        return subprocess.run([shutil.which("zstd"), "-q", "-c"], input=data, capture_output=True, check=True).stdout
    return data


def digest(data):
    return hashlib.sha256(data).hexdigest()


def configuration(config, arch="amd64", history=()):
    return json.dumps(
        {"architecture": arch, "os": "linux", "config": config, "history": [{"created_by": h} for h in history]}
    ).encode()


def docker_archive(layers, config, how="plain", history=(), tag="worker:1"):
    """What docker saved before 25: {path: bytes} for tar()."""
    about = configuration(config, history=history)
    files, names = {}, []
    for layer in layers:
        data = packed(tar(layer), how)
        name = f"{digest(data)}/layer.tar"
        files[name] = data
        files[f"{digest(data)}/VERSION"] = "1.0"
        names.append(name)
    files[f"{digest(about)}.json"] = about
    files["manifest.json"] = json.dumps([{"Config": f"{digest(about)}.json", "RepoTags": [tag], "Layers": names}])
    files["repositories"] = "{}"
    return files


def oci_layout(layers, config, how="gzip", history=(), nested=True):
    """OCI's layout, with an index in the index as buildx leaves it: {path: bytes}."""
    files = {"oci-layout": '{"imageLayoutVersion": "1.0.0"}'}

    def blob(data, kind, **more):
        files[f"blobs/sha256/{digest(data)}"] = data
        return {"mediaType": kind, "digest": f"sha256:{digest(data)}", "size": len(data), **more}

    manifest = {
        "schemaVersion": 2,
        "config": blob(configuration(config, history=history), "application/vnd.oci.image.config.v1+json"),
        "layers": [blob(packed(tar(x), how), "application/vnd.oci.image.layer.v1.tar") for x in layers],
    }
    one = blob(
        json.dumps(manifest).encode(),
        "application/vnd.oci.image.manifest.v1+json",
        platform={"os": "linux", "architecture": "amd64"},
    )
    attestation = {"digest": "sha256:" + "0" * 64, "platform": {"os": "unknown", "architecture": "unknown"}}
    index = {"schemaVersion": 2, "manifests": [attestation, one]}
    if nested:
        inner = blob(json.dumps(index).encode(), "application/vnd.oci.image.index.v1+json")
        inner["annotations"] = {"org.opencontainers.image.ref.name": "worker:1"}
        index = {"schemaVersion": 2, "manifests": [inner]}
    files["index.json"] = json.dumps(index)
    return files
