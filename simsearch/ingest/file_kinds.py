"""What the files in a folder are: photos by their first bytes, other pictures, and what systems leave behind."""

from __future__ import annotations

import re

HEAD = 512
"""Bytes that tell what a file is."""

RAW = frozenset(
    ".3fr .arw .cr2 .cr3 .crw .dcr .dng .erf .fff .gpr .iiq .k25 .kdc .mdc .mef .mos .mrw .nef .nrw .orf .pef .ptx "
    ".raf .raw .rw2 .rwl .rwz .sr2 .srf .srw .x3f".split()
)
"""Camera raw. Many begin like a TIFF, but hold the sensor's values and a small preview."""

NOT_READ = RAW | frozenset(
    ".ai .bpg .cdr .cur .dcm .dds .djvu .emf .eps .exr .fits .flif .fpx .hdr .icns .ico .ind .indd "
    ".j2c .jng .jpc .jpm .jxl .jxr .kra .mng .mpo .ora .pam .pcx .pdf .pfm .pict .pct .ps .psb "
    ".psd .qoi .ras .sgi .svg .svgz .tga .vda .wdp .hdp .wmf .xbm .xcf .xpm".split()
)
"""Endings of pictures that are not read, or only where their content is that of a photo."""

_PHOTO = re.compile(
    rb"\xff\xd8\xff|\x89PNG\r\n\x1a\n|GIF8[79]a|RIFF....WEBP|II(?:\*\0|\+\0)|MM(?:\0\*|\0\+)"
    rb"|BM.{4}\0{4}.{4}[\x0c\x28\x34\x38\x40\x6c\x7c]\0\0\0"
    rb"|P[1-6]\s+(?:#.*\n\s*)*\d+\s+\d+\s"
    rb"|....ftyp(?:heic|heix|hevc|hevx|heim|heis|hevm|hevs|mif1|msf1|avif|avis)"
    rb"|\0\0\0\x0cjP  \r\n\x87\n|\xff\x4f\xff\x51",
    re.DOTALL,
)
_PICTURE = re.compile(
    rb"8BPS|\0\0[\1\2]\0[^\0]\0|%PDF|%!PS|\xc5\xd0\xd3\xc6|\xff\x0a|\0\0\0\x0cJXL |II\xbc|gimp xcf|\x76\x2f\x31\x01"
    rb"|#\?RADIANCE|DDS |qoif|icns|\x0a[\0-\5]\x01[\1\2\4\x08]|\s*(?:<\?xml[^>]*>\s*)?<svg|AT&TFORM|\xd7\xcd\xc6\x9a"
    rb"|FUJIFILM|BPG\xfb|SIMPLE  =",
    re.DOTALL,
)

_LEFTOVERS = frozenset(
    # file servers: Synology, QNAP, NetApp, Samba
    "@eadir #recycle @tmp #snapshot @recycle @recently-snapshot @sharebin @sharesnap @syncthing .@__thumb "
    ".@upload_cache ~snapshot .snapshot .recycle "
    # Windows
    "$recycle.bin recycler recycled thumbs.db ehthumbs.db ehthumbs_vista.db desktop.ini autorun.inf found.000 "
    "msdownld.tmp $av_asw "
    # macOS
    "__macosx .ds_store .appledouble .appledb .appledesktop .apdisk .fseventsd .spotlight-v100 .temporaryitems "
    ".documentrevisions-v100 .volumeicon.icns .localized "
    # Linux and Android
    "lost+found lost.dir .directory .thumbnails .stfolder .stversions .dropbox.cache".split()
)
_SPACED = frozenset(("system volume information", "network trash folder", "temporary items", "icon\r", "icon\uf00d"))
_LEFTOVER = re.compile(
    r"\._.|~\$.|\.trash(?:es|-\d+)?$|\.nfs[0-9a-f]{8}|thumbs\.db:|synofile_|synophoto_", re.IGNORECASE
)

_UNFINISHED = (
    ".part", ".partial", ".crdownload", ".download", ".opdownload", ".filepart", ".!ut", ".!qb", ".tmp", ".temp",
    ".swp", ".bak", ".old", ".orig", "~",
)  # fmt: skip


def is_photo(head: bytes) -> bool:
    """Whether a file that begins with `head` is a picture of a kind that is read."""
    return bool(_PHOTO.match(head))


def is_picture(head: bytes) -> bool:
    """Whether a file that begins with `head` is a picture of a kind that is not read."""
    return bool(_PICTURE.match(head))


def is_leftover(name: str) -> bool:
    """Whether a system or file server gave a file or folder this name: thumbnails, deleted files, settings."""
    return name.lower() in _LEFTOVERS or name.lower() in _SPACED or bool(_LEFTOVER.match(name))


def unfinished_ending(name: str) -> str:
    """The ending that tells a download under way, a temporary file or an older copy; empty for other files."""
    return next((ending for ending in _UNFINISHED if name.lower().endswith(ending)), "")
