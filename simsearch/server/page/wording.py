"""Words of the page that stand for values of the program, marked for the message catalogs."""

from __future__ import annotations

from collections.abc import Mapping

from simsearch.server.page.language import N_

OUTCOMES: Mapping[str, str] = {"match": N_("Match"), "ambiguous": N_("Unclear"), "unknown": N_("Unknown")}

FIELDS: Mapping[str, str] = {
    "name": N_("Name"), "strength": N_("Strength"), "form": N_("Form"), "manufacturer": N_("Maker"),
    "pack": N_("Pack size"), "volume": N_("Volume"), "code": N_("Barcode"), "case": N_("Barcode of the case"),
    "line": N_("Line of print"), "print": N_("Print"), "sku": N_("SKU"),
}  # fmt: skip
"""Fields of a product, and kinds of print."""

ALIKE: Mapping[str, str] = {
    "strength": N_("Other strength"), "form": N_("Other form"), "name": N_("Similar name"),
    "maker": N_("Same maker, similar design"), "appearance": N_("Looks much like it"), "pack": N_("Other pack size"),
    "code": N_("Other barcode"), "print": N_("Other print"),
}  # fmt: skip
"""Why a product is easily taken for another."""

SAYS: Mapping[str, str] = {
    "agrees": N_("agrees"), "contradicts": N_("contradicts"), "doubt": N_("not sure"),
}  # fmt: skip

SURFACES: Mapping[str, str] = {
    "front": N_("Front"), "back": N_("Back"), "side": N_("Side"), "top": N_("Top"), "pills": N_("Loose pills"),
    "bottle": N_("Bottle"), "other": N_("Other side"), "unknown": N_("Side not known"),
}  # fmt: skip

REFUSALS: Mapping[str, str] = {
    "missing": N_("There is no such file."),
    "not_an_image": N_("This is no picture. JPEG, PNG and WebP are read, and HEIC where the server can."),
    "truncated": N_("The file ends before the picture does. Send it once more."),
    "too_large": N_("The picture is too large."),
    "zero_size": N_("The file is empty."),
    "unreadable": N_("The picture is damaged, or of a kind that is not read here."),
    "changed": N_("The file holds another picture than was indexed."),
    "outside_root": N_("The path leaves the folder of its source."),
    "unexpected": N_("Something failed on this picture that should not. The log says what."),
    "bad_row": N_("The row names no photo of a product."),
}  # fmt: skip
"""Why a photo or a row was refused, by its code."""

KINDS: Mapping[str, str] = {
    "identical": N_("Identical files"), "same-photo": N_("One photo, changed"),
    "same-product": N_("Other photos of one product"), "look-alike": N_("Look-alikes"),
}  # fmt: skip
"""How two photos of the catalog are alike."""

PROBLEMS: Mapping[str, tuple[str, str]] = {
    "busy": (
        N_("Very busy just now"),
        N_("Many photos are being looked at. Your photo is still here: ask again in a moment."),
    ),
    "too-slow": (
        N_("That took too long"),
        N_("There was no answer in time. Ask again."),
    ),
    "too-many-requests": (
        N_("Too many questions at once"),
        N_("Wait a moment, then ask again."),
    ),
    "no-catalog": (
        N_("The catalog is empty"),
        N_("Nothing was indexed yet. Whoever runs this server has to do that first."),
    ),
    "rebuilding": (
        N_("The catalog cannot be searched just now"),
        N_("Its indexes are missing or being built. Ask again later."),
    ),
    "no-engine": (
        N_("The catalog cannot be searched just now"),
        N_("A server that it needs does not answer. Ask again in a moment."),
    ),
    "out-of-order": (
        N_("Out of order"),
        N_("The catalog cannot be used. Tell whoever runs this server."),
    ),
    "too-large": (
        N_("Too large"),
        N_("The photos are too large together. Send fewer, or smaller ones."),
    ),
    "not-an-image": (
        N_("That is no picture"),
        N_("JPEG, PNG and WebP are read, and HEIC where the server can."),
    ),
    "unreadable-image": (
        N_("The picture cannot be read"),
        N_("Take the photo once more, or send another file."),
    ),
    "body-timeout": (
        N_("The connection is too slow"),
        N_("The photo did not arrive in time. Ask again, or send a smaller one."),
    ),
    "bad-filter": (
        N_("This choice finds nothing"),
        N_("No product has this form or maker."),
    ),
    "not-found": (
        N_("There is no such page"),
        N_("The address is wrong, or what was there is gone."),
    ),
    "no-decision": (
        N_("No such answer"),
        N_("No answer is recorded under this number."),
    ),
    "no-product": (
        N_("No such product"),
        N_("The catalog has no product of this SKU."),
    ),
    "no-image": (
        N_("No such photo"),
        N_("The catalog has no photo of this number."),
    ),
    "file-gone": (
        N_("The file is gone"),
        N_("The photo is in the catalog, but its file is missing or was changed."),
    ),
    "no-token": (
        N_("Please sign in"),
        N_("Enter the token that you were given."),
    ),
    "not-allowed": (
        N_("Not allowed"),
        N_("You may look at this, but not change it."),
    ),
    "cross-site": (
        N_("Another page asked for this"),
        N_("For your safety nothing was changed. Do it again from here."),
    ),
    "somebody-was-faster": (
        N_("Somebody was faster"),
        N_("Another person has decided this in the meantime."),
    ),
    "unknown-sku": (
        N_("Unknown SKU"),
        N_("The catalog has no product of this SKU."),
    ),
    "contradiction": (
        N_("That does not fit the answer"),
        N_("Look at the answer again."),
    ),
    "no-review": (
        N_("Nothing to take back"),
        N_("Nobody has said anything of it."),
    ),
}  # fmt: skip
"""Name of a problem -> headline and what to do; of any other: DEFECT."""
DEFECT = (N_("Something went wrong"), N_("That should not happen. The server's log knows more."))

STEPS: Mapping[str, str] = {
    "scan": N_("Look through the sources"), "describe": N_("Describe new photos"),
    "redescribe": N_("Describe again"), "read": N_("Read print"), "check": N_("Check the indexes"),
    "build": N_("Build new indexes"), "prune": N_("Clear away"), "backup": N_("Back up"),
}  # fmt: skip
"""Steps of a night."""

CHANGES: Mapping[str, str] = {
    "added": N_("added"), "changed": N_("changed"), "redescribed": N_("described again"), "unchanged": N_("unchanged"),
    "retired": N_("retired"), "refused": N_("refused"), "kept": N_("kept although unlisted"),
}  # fmt: skip

NIGHTS: Mapping[str, str] = {
    "swapped": N_("A new generation serves"), "unchanged": N_("Nothing had to change"),
    "failed": N_("The night failed"),
}  # fmt: skip


def likely(probability: float) -> str:
    """A probability in words, to be translated."""
    if probability >= 0.99:
        return N_("very likely")
    if probability >= 0.9:
        return N_("likely")
    return N_("possible") if probability >= 0.5 else N_("unlikely")


SCRIPT: Mapping[str, str] = {
    "sending": N_("Sending … {n} %"),
    "looking": N_("Looking …"),
    "offline": N_("No connection"),
    "offlineMore": N_("Your photo is still here. Ask again when you are connected."),
    "defect": N_("Something went wrong"),
    "defectMore": N_("That should not happen. The server's log knows more."),
    "again": N_("Ask again"),
    "cancelled": N_("Cancelled. Your photo is still here."),
    "most": N_("Four photos at most; the first four were taken."),
    "noPicture": N_("{name} is no picture."),
    "remove": N_("Remove photo {n}"),
    "photo": N_("Photo {n} of the package"),
    "noPreview": N_("no preview"),
    "on": N_("Single keys are on."),
    "off": N_("Single keys are off."),
    "press": N_("Press a key …"),
    "taken": N_("{key} is taken."),
    "marked": N_("{n} marked"),
}  # fmt: skip
"""What page.js says."""
