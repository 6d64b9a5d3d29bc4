"""What a file is, by its first bytes: for the words of a refusal."""

from __future__ import annotations

import re

from simsearch.core.formats import Unfit

TIFF_STARTS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
STARTS = (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF8", *TIFF_STARTS)
HEIF_BRANDS = (b"heic", b"heix", b"hevc", b"heim", b"heis", b"hevm", b"hevs", b"mif1", b"msf1")

_NAMES: tuple[tuple[bytes, str], ...] = (
    (rb"\0\0\x01\0[\x01-\xff]\0", "an icon (ICO)"),
    (rb"\0\0\x02\0[\x01-\xff]\0", "a cursor (CUR)"),
    (rb"8BPS\0[\x01\x02]", "a Photoshop document"),
    (rb"\xff\x0a|\0\0\0\x0cJXL ", "a JPEG XL picture"),
    (rb"II\xbc", "a JPEG XR picture"),
    (rb"%!PS|\xc5\xd0\xd3\xc6", "PostScript (EPS)"),
    (rb"%PDF-", "a PDF document"),
    (rb"\x0a[\0-\x05]\x01[\x01\x02\x04\x08]", "a PCX picture"),
    (rb"DDS ", "a DDS texture"),
    (rb"\x01\xda[\0\x01][\x01\x02]", "an SGI picture"),
    (rb"\x59\xa6\x6a\x95", "a Sun raster picture"),
    (rb"\x76\x2f\x31\x01", "an OpenEXR picture"),
    (rb"#\?RADIANCE|#\?RGBE", "a Radiance (HDR) picture"),
    (rb"qoif", "a QOI picture"),
    (rb"icns", "an icon (ICNS)"),
    (rb"P7\n", "a PAM picture"),
    (rb"SIMPLE  =", "a FITS picture"),
    (rb"\xd7\xcd\xc6\x9a|\x01\0\0\0.{36} EMF", "a Windows metafile"),
    (rb"(?s:.{128})DICM", "a DICOM picture"),
    (rb"/\* XPM \*/|#define \w+_width", "an X bitmap (XBM, XPM)"),
    (rb".{4}ftypcrx |FUJIFILM|IIRO|IIRS|IIU\0", "a camera's raw file"),
    (rb".{4}ftyp(?!avif|avis|hei[cmsx]|hev[cmsx]|mif1|msf1)|\x1a\x45\xdf\xa3|RIFF.{4}AVI ", "a video"),
    (rb"RIFF.{4}WAVE|ID3|OggS|fLaC", "a sound file"),
    (rb"PK\x03\x04", "a ZIP archive or an Office document"),
    (rb"\x1f\x8b\x08|BZh|7z\xbc\xaf|Rar!|\xfd7zXZ", "a packed file"),
    (rb"\xd0\xcf\x11\xe0", "an Office document"),
    (rb"version https://git-lfs", "a Git LFS pointer, not the photo; fetch it with git lfs pull"),
    (rb"(?is)(\xef\xbb\xbf)?\s*(<\?xml.{0,400}?)?(<!--.{0,400}?)?(<!doctype svg.{0,200}?)?<svg", "an SVG drawing"),
    (rb"(?i)(\xef\xbb\xbf)?\s*(<!doctype html|<html|<head|<body)", "a web page"),
)
_KINDS = tuple((re.compile(pattern, re.DOTALL), name) for pattern, name in _NAMES)
_SAVE = ", which simsearch does not read; save it as JPEG or PNG"
_BLANK = b"\xef\xbb\xbf \t\r\n\0"


def refusal(data: bytes, has_heif: bool) -> Unfit:
    """Code and words for a file that no reader takes."""
    if data[4:8] == b"ftyp" and data[8:12] in HEIF_BRANDS and not has_heif:
        return Unfit("unreadable", "is a HEIC photo; install the extra: pip install 'simsearch[heif]'")
    if is_short(data):
        return Unfit("truncated", "ends before the picture does")
    if data.startswith(STARTS):
        return Unfit("unreadable", "begins like an image, but its header is damaged")
    return Unfit("not_an_image", f"is {_other_kind(data) or 'not an image of a kind that simsearch reads'}")


def is_short(data: bytes) -> bool:
    """Whether a file with a known start is shorter than its header says, or hardly longer than that start."""
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return len(data) < int.from_bytes(data[4:8], "little") + 8
    if data[4:8] == b"ftyp" and data[8:12] in (*HEIF_BRANDS, b"avif", b"avis"):
        return _boxes_end(data) > len(data)
    if data[:4] in TIFF_STARTS[:2]:
        # The directory is often the last thing in the file.
        directory = int.from_bytes(data[4:8], "little" if data[:1] == b"I" else "big")
        return directory >= len(data) or len(data) < 64
    return len(data) < 64 and data.startswith((*STARTS, b"RIFF"))


def _boxes_end(data: bytes) -> int:
    """Where the last top-level box of an ISO media file (HEIC, AVIF) ends, as its header says."""
    at = 0
    while at + 8 <= len(data):
        size = int.from_bytes(data[at : at + 4], "big")
        if size == 1:  # then the size is a 64-bit number behind the name
            size = int.from_bytes(data[at + 8 : at + 16], "big")
        if size < 8:  # 0: up to the end of the file
            return len(data)
        at += size
    return at if at >= len(data) else len(data) + 1


def _other_kind(data: bytes) -> str:
    head = data[:1024]
    if data.endswith(b"TRUEVISION-XFILE.\0"):
        return "a TGA picture" + _SAVE
    found = next((name for pattern, name in _KINDS if pattern.match(head)), "")
    if found:
        return found + _SAVE * any(word in found for word in ("picture", "icon", "document", "raw file", "drawing"))
    bare = head.lstrip(_BLANK)
    if len(bare) == len(head) or not bare.startswith(STARTS):
        return ""
    return f"an image behind {len(head) - len(bare)} bytes of blanks, which no viewer skips; remove them"
