"""The triggers by which the database counts its own images and descriptors; what they count stands in `CountRow`.

Whoever writes a row, in whatever way, changes the counts in the same transaction. SQLite calls a trigger for each row.
PostgreSQL calls one for each statement, with all the rows that it changed: a row of counts that one transaction updates
a thousand times is found there as slowly as a thousand rows.
"""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from sqlalchemy.engine import Connection

BLOCK = 4096
"""Ids of images that are counted together: what lacks something is sought where the counts of a block differ."""


def state_of(row: str) -> str:
    """SQL for the `State` of an image; `row`: what has its columns."""
    return (
        f"CASE WHEN {row}.retired_at IS NOT NULL THEN 'retired' WHEN {row}.verdict <> 'ok' THEN 'refused' "
        f"WHEN {row}.surface = 'pills' AND COALESCE({row}.surface_probability, 1.0) >= 0.5 THEN 'pills' ELSE 'ok' END"
    )


def mixed_of(number: str) -> str:
    """SQL for another number made of that of an image: two sets of images rarely have equal sums of both."""
    return f"((CAST({number} AS BIGINT) * 2654435761) % 4294967291)"


_KEY = "kind, name, state, block"


def _add(values: str) -> str:
    """A statement that adds to the counts; a count that is not there yet is none."""
    added = ", ".join(f"{column} = counts.{column} + excluded.{column}" for column in ("number", "ids", "mixed"))
    return f"INSERT INTO counts ({_KEY}, number, ids, mixed) {values} ON CONFLICT ({_KEY}) DO UPDATE SET {added}"


def _empty(kind: str, names: str, state: str, number: str) -> str:
    """A statement that removes counts of nothing: equal catalogs have equal counts. The key is given in SQL."""
    return (
        f"DELETE FROM counts WHERE kind = '{kind}' AND name IN ({names}) AND state = {state} "
        f"AND block = {number} / {BLOCK} AND number = 0"
    )


# -- SQLite: of one row ----------------------------------------------------------------------------------------------


def _image(row: str, sign: int) -> str:
    numbers = f"{sign}, {sign} * {row}.id, {sign} * {mixed_of(f'{row}.id')}"
    return _add(f"SELECT 'image', {row}.source, {state_of(row)}, {row}.id / {BLOCK}, {numbers} WHERE true")


def _descriptors_of(row: str, sign: int) -> str:
    """All descriptors of an image that counts."""
    values = (
        f"SELECT 'descriptor', CAST(d.method_id AS TEXT), {state_of(row)}, {row}.id / {BLOCK}, {sign}, 0, 0 "
        f"FROM descriptors d WHERE d.image_id = {row}.id AND {row}.retired_at IS NULL AND {row}.verdict = 'ok'"
    )
    return _add(values)


def _descriptor(row: str, sign: int) -> str:
    """One descriptor, where its image counts."""
    values = (
        f"SELECT 'descriptor', CAST({row}.method_id AS TEXT), {state_of('i')}, i.id / {BLOCK}, {sign}, 0, 0 "
        f"FROM images i WHERE i.id = {row}.image_id AND i.retired_at IS NULL AND i.verdict = 'ok'"
    )
    return _add(values)


def _product(row: str, sign: int) -> str:
    """A product, where the image is active and no other one of it is."""
    values = (
        f"SELECT 'product', '', '', 0, {sign}, 0, 0 WHERE {row}.retired_at IS NULL AND NOT EXISTS (SELECT 1 FROM "
        f"images i WHERE i.product_id = {row}.product_id AND i.retired_at IS NULL AND i.id <> {row}.id)"
    )
    return _add(values)


def _went_image() -> str:
    return _empty("image", "OLD.source", state_of("OLD"), "OLD.id")


def _went_descriptors() -> str:
    methods = "SELECT CAST(d.method_id AS TEXT) FROM descriptors d WHERE d.image_id = OLD.id"
    return _empty("descriptor", methods, state_of("OLD"), "OLD.id")


def _went_descriptor() -> str:
    state = f"(SELECT {state_of('i')} FROM images i WHERE i.id = OLD.image_id)"
    return _empty("descriptor", "CAST(OLD.method_id AS TEXT)", state, "OLD.image_id")


_NO_PRODUCT = _empty("product", "''", "''", "0")
_STATE_COLUMNS = "retired_at, verdict, surface, surface_probability"
_TURNED = f"{state_of('OLD')} <> {state_of('NEW')}"
_ELSEWHERE = f"NEW.id <> OLD.id OR NEW.source <> OLD.source OR {_TURNED}"
_MOVED = "NEW.product_id <> OLD.product_id OR (NEW.retired_at IS NULL) <> (OLD.retired_at IS NULL)"
_OF_ROWS: dict[str, tuple[str, Sequence[str]]] = {
    "count_image_in": ("INSERT ON images", [_image("NEW", 1), _product("NEW", 1)]),
    "count_image_out": ("DELETE ON images", [_image("OLD", -1), _went_image(), _product("OLD", -1), _NO_PRODUCT]),
    "count_image_turned": (
        f"UPDATE OF id, source, {_STATE_COLUMNS} ON images WHEN {_ELSEWHERE}",
        [_image("OLD", -1), _went_image(), _image("NEW", 1)],
    ),
    "count_descriptors_turned": (
        f"UPDATE OF {_STATE_COLUMNS} ON images WHEN {_TURNED}",
        [_descriptors_of("OLD", -1), _went_descriptors(), _descriptors_of("NEW", 1)],
    ),
    "count_product_moved": (
        f"UPDATE OF product_id, retired_at ON images WHEN {_MOVED}",
        [_product("OLD", -1), _product("NEW", 1), _NO_PRODUCT],
    ),
    "count_descriptor_in": ("INSERT ON descriptors", [_descriptor("NEW", 1)]),
    "count_descriptor_out": ("DELETE ON descriptors", [_descriptor("OLD", -1), _went_descriptor()]),
    "count_descriptor_moved": (
        "UPDATE OF method_id, image_id ON descriptors",
        [_descriptor("OLD", -1), _went_descriptor(), _descriptor("NEW", 1)],
    ),
}  # fmt: skip


# -- PostgreSQL: of all rows of a statement --------------------------------------------------------------------------

_CAME, _WENT = "SELECT 1 AS sign, r.* FROM came r", "SELECT -1 AS sign, r.* FROM went r"


def _images(rows: str) -> str:
    values = (
        f"SELECT 'image', r.source, {state_of('r')}, r.id / {BLOCK}, SUM(r.sign), SUM(r.sign * CAST(r.id AS BIGINT)), "
        f"SUM(r.sign * {mixed_of('r.id')}) FROM ({rows}) r GROUP BY 2, 3, 4 HAVING SUM(r.sign) <> 0 OR "
        f"SUM(r.sign * CAST(r.id AS BIGINT)) <> 0 OR SUM(r.sign * {mixed_of('r.id')}) <> 0"
    )
    return _add(values)


def _products(rows: str) -> str:
    """Products that got their first active image, and such as lost their last one."""
    values = (
        "SELECT 'product', '', '', 0, SUM(CAST(t.there > 0 AS INTEGER) - CAST(t.there > t.more AS INTEGER)), 0, 0 "
        "FROM (SELECT p.more, (SELECT COUNT(*) FROM (SELECT 1 FROM images i WHERE i.product_id = p.product_id AND "
        "i.retired_at IS NULL LIMIT GREATEST(p.more, 0) + 1) a) AS there FROM (SELECT r.product_id, SUM(r.sign) "
        f"AS more FROM ({rows}) r WHERE r.retired_at IS NULL GROUP BY r.product_id HAVING SUM(r.sign) <> 0) p) t "
        "HAVING COUNT(*) > 0"
    )
    return _add(values)


def _turned() -> str:
    """The descriptors of images that count otherwise than before."""
    was, now = state_of("w"), state_of("n")
    values = (
        f"SELECT 'descriptor', CAST(d.method_id AS TEXT), t.state, d.image_id / {BLOCK}, SUM(t.sign), 0, 0 FROM "
        f"(SELECT n.id, s.sign, CASE s.sign WHEN 1 THEN {now} ELSE {was} END AS state FROM came n JOIN went w ON "
        f"w.id = n.id CROSS JOIN (VALUES (1), (-1)) s(sign) WHERE {was} <> {now}) t JOIN descriptors d ON "
        "d.image_id = t.id WHERE t.state IN ('ok', 'pills') GROUP BY 2, 3, 4 HAVING SUM(t.sign) <> 0"
    )
    return _add(values)


def _descriptors(rows: str) -> str:
    values = (
        f"SELECT 'descriptor', CAST(r.method_id AS TEXT), {state_of('i')}, i.id / {BLOCK}, SUM(r.sign), 0, 0 FROM "
        f"({rows}) r JOIN images i ON i.id = r.image_id WHERE i.retired_at IS NULL AND i.verdict = 'ok' "
        "GROUP BY 2, 3, 4"
    )
    return _add(values)


_BOTH = f"{_CAME} UNION ALL {_WENT}"
_NONE = "DELETE FROM counts WHERE number = 0"
_OF_STATEMENTS: dict[str, tuple[str, Sequence[str]]] = {
    "count_image_in": ("INSERT ON images", [_images(_CAME), _products(_CAME)]),
    "count_image_out": ("DELETE ON images", [_images(_WENT), _products(_WENT), _NONE]),
    "count_image_turned": ("UPDATE ON images", [_images(_BOTH), _products(_BOTH), _turned(), _NONE]),
    "count_descriptor_in": ("INSERT ON descriptors", [_descriptors(_CAME)]),
    "count_descriptor_out": ("DELETE ON descriptors", [_descriptors(_WENT), _NONE]),
    "count_descriptor_moved": ("UPDATE ON descriptors", [_descriptors(_BOTH), _NONE]),
}
_REFERENCING = {
    "INSERT": "NEW TABLE AS came", "DELETE": "OLD TABLE AS went", "UPDATE": "NEW TABLE AS came OLD TABLE AS went"
}  # fmt: skip


# -- making them -----------------------------------------------------------------------------------------------------


def make_triggers(c: Connection) -> None:
    """Let the database count; the counts of what there is already are the caller's."""
    if c.dialect.name == "sqlite":
        for name, (when, statements) in _OF_ROWS.items():
            c.execute(sa.text(f"CREATE TRIGGER {name} AFTER {when} BEGIN {'; '.join(statements)}; END"))
        return
    for name, (when, statements) in _OF_STATEMENTS.items():
        body = f"BEGIN {'; '.join(statements)}; RETURN NULL; END"
        c.execute(sa.text(f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $${body}$$"))
        tables = _REFERENCING[when.partition(" ")[0]]
        each = f"REFERENCING {tables} FOR EACH STATEMENT EXECUTE FUNCTION {name}()"
        c.execute(sa.text(f"CREATE TRIGGER {name} AFTER {when} {each}"))


def drop_triggers(c: Connection) -> None:
    """Let it count no more."""
    if c.dialect.name == "sqlite":
        for name in _OF_ROWS:
            c.execute(sa.text(f"DROP TRIGGER IF EXISTS {name}"))
        return
    for name, (when, _) in _OF_STATEMENTS.items():
        c.execute(sa.text(f"DROP TRIGGER IF EXISTS {name} ON {when.rpartition(' ')[2]}"))
        c.execute(sa.text(f"DROP FUNCTION IF EXISTS {name}()"))
