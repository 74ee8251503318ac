#!/usr/bin/env python3
"""Makes avro_vectors.json: what Python's fastavro reads from bytes of one writer schema under one reader schema.

Needs fastavro, and is only needed to make the vectors anew; the tests read the file. Run: make_avro_vectors.py > avro_vectors.json

Each vector: name, writer (schema), reader (schema, or null for schemas/event.avsc), hex (the bytes), and
expect (the flat event, absent fields left out) | error (the bytes cannot be read) | unresolvable (the schemas do not match).
"""
import copy
import io
import json
import os
import random
import sys

import fastavro
from fastavro.schema import fingerprint, to_parsing_canonical_form

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
with open(os.path.join(ROOT, "schemas", "event.avsc")) as file:
    EVENT = json.load(file)
TIME = 1700000000000
BASE = {"type": "page_viewed", "user_id": "u1", "event_time": TIME}


def plain(schema):
    """Without logical types (fastavro would make datetimes) and documentation."""
    if isinstance(schema, list):
        return [plain(part) for part in schema]
    if isinstance(schema, dict):
        return {key: plain(value) if key not in ("default", "symbols", "aliases") else value
                for key, value in schema.items() if key not in ("logicalType", "doc")}
    return schema


READER = plain(EVENT)


def record(fields, name="Event", **more):
    return {"type": "record", "name": name, "namespace": "eddy", "fields": fields, **more}


def field(name, schema, **more):
    return {"name": name, "type": schema, **more}


def reader_field(name):
    return copy.deepcopy(next(part for part in READER["fields"] if part["name"] == name))


REQUIRED = [reader_field("type"), reader_field("user_id"), reader_field("event_time")]


def with_fields(*fields):
    return record(copy.deepcopy(REQUIRED) + list(fields))


def tidy(value):
    """Absent where null."""
    if isinstance(value, dict):
        return {key: tidy(part) for key, part in value.items() if part is not None}
    if isinstance(value, list):
        return [tidy(part) for part in value]
    return value


VECTORS = []


def add(name, writer, value, reader=None, data=None):
    vector = {"name": name, "writer": writer, "reader": reader}
    if data is None:
        out = io.BytesIO()
        fastavro.schemaless_writer(out, fastavro.parse_schema(copy.deepcopy(plain(writer))), value)
        data = out.getvalue()
    vector["hex"] = data.hex()
    try:
        got = fastavro.schemaless_reader(io.BytesIO(data), copy.deepcopy(plain(writer)), copy.deepcopy(plain(reader or READER)))
        vector["expect"] = tidy(got)
    except fastavro.read.SchemaResolutionError as error:
        # fastavro finds out while reading; whether any bytes could be read is said by the caller through the name.
        vector["unresolvable" if name.startswith("unresolvable") else "error"] = str(error).split("\n")[0][:120]
    VECTORS.append(vector)


def fixed_cases():
    item = {"product_id": "p1", "name": "Shoe", "category": None, "brand": "ACME", "price": 4999, "quantity": 2, "image_url": None,
            "url": "https://shop.example/p1"}
    full = {part["name"]: None for part in READER["fields"]}
    full.update(BASE, source="web", items=[item, dict(item, product_id="p2", price=None, quantity=1)], value=9998, currency="EUR",
                latitude=52.5, longitude=-13.25, machine_open=True, bot_suspected=False, properties={"plan": "pro", "ä": "ü"})
    add("same schema", READER, full)
    add("same schema with logical types", EVENT, full)
    for name in full:
        if full[name] is None:
            full[name] = TIME + 1 if name == "received_at" else "é-" + name
    add("same schema, everything given", READER, full)
    add("reordered", dict(READER, fields=list(reversed(READER["fields"]))), full)
    add("only what is required", with_fields(), BASE)
    add("other namespace", dict(with_fields(), namespace="com.shop"), BASE)
    add("unresolvable: other name", record(REQUIRED, name="Occurrence"), BASE)
    add("unresolvable: a required field is missing", record(REQUIRED[:2]), BASE)
    add("unresolvable: other type", with_fields(field("value", "double")), dict(BASE, value=1.5))
    add("unresolvable: string for an enum", record([field("type", "string")] + REQUIRED[1:]), BASE)
    add("unresolvable: other enum", record([field("type", {"type": "enum", "name": "Kind", "symbols": ["page_viewed"]})]
                                           + REQUIRED[1:]), BASE)


def promotion_cases():
    add("int to long in a union", with_fields(field("value", "int")), dict(BASE, value=-7))
    add("int to long", record(REQUIRED[:2] + [field("event_time", "int")]), dict(BASE, event_time=123456))
    for kind, value in (("int", -3), ("long", 1 << 40), ("float", 0.25), ("double", 0.1)):
        add(kind + " to double", with_fields(field("latitude", kind)), dict(BASE, latitude=value))
        add(kind + " to double, nullable", with_fields(field("latitude", [kind, "null"])), dict(BASE, latitude=value))
    add("bytes to string", with_fields(field("source", "bytes"), field("channel", ["null", "bytes"])),
        dict(BASE, source=b"web", channel=b"\xc3\xa9"))
    add("map of bytes", with_fields(field("properties", {"type": "map", "values": "bytes"})), dict(BASE, properties={"a": b"b"}))


def enum_cases():
    def kind(symbols, **more):
        return {"type": "enum", "name": "EventType", "symbols": symbols, **more}
    for symbol in ("custom", "email_opened", "never_heard_of"):
        writer = record([field("type", kind(["never_heard_of", "email_opened", "custom"]))] + REQUIRED[1:])
        add("enum by name: " + symbol, writer, dict(BASE, type=symbol))
    strict = copy.deepcopy(READER)
    del next(part for part in strict["fields"] if part["name"] == "type")["type"]["default"]
    writer = record([field("type", kind(["page_viewed", "zzz"], default="page_viewed"))] + REQUIRED[1:])
    add("enum without default: known", writer, BASE, reader=strict)
    add("enum without default: unknown", writer, dict(BASE, type="zzz"), reader=strict)
    alias = copy.deepcopy(READER)
    next(part for part in alias["fields"] if part["name"] == "type")["type"]["aliases"] = ["com.shop.Kind"]
    writer = record([field("type", {"type": "enum", "name": "com.shop.Kind", "symbols": ["email_sent", "page_viewed"]})]
                    + REQUIRED[1:])
    add("enum by alias", writer, BASE, reader=alias)


def union_cases():
    for value in ("x", None):
        add(f"null second: {value}", with_fields(field("channel", ["string", "null"])), dict(BASE, channel=value))
        add(f"nullable for required text: {value}", with_fields(field("source", ["null", "string"])), dict(BASE, source=value))
    for value in ("x", None, 5, 0.5):
        add(f"branch that cannot be read: {value}", with_fields(field("channel", ["int", "null", "double", "string"])),
            dict(BASE, channel=value))
    add("plain for a union", with_fields(field("channel", "string"), field("value", "long")), dict(BASE, channel="c", value=3))
    add("null for a union", with_fields(field("channel", "null")), dict(BASE, channel=None))
    add("unresolvable: null for a text", with_fields(field("source", "null")), dict(BASE, source=None))
    add("union of one", with_fields(field("channel", ["string"])), dict(BASE, channel="c"))
    root = [record([field("x", "int")], name="Other"), with_fields()]
    add("union at the root", root, ("eddy.Event", BASE))
    add("union at the root, other branch", root, ("eddy.Other", {"x": 1}))
    wide = copy.deepcopy(READER)
    next(part for part in wide["fields"] if part["name"] == "latitude")["type"] = ["null", "int", "double"]
    next(part for part in wide["fields"] if part["name"] == "channel")["type"] = ["int", "string", "null"]
    next(part for part in wide["fields"] if part["name"] == "channel").pop("default")
    add("first branch that matches", with_fields(field("latitude", "float"), field("channel", ["null", "bytes"])),
        dict(BASE, latitude=0.5, channel=b"k"), reader=wide)


def item_cases():
    def items(*fields, name="Item"):
        return field("items", {"type": "array", "items": {"type": "record", "name": name, "fields": list(fields)}})
    add("items with fewer fields", with_fields(items(field("product_id", "string"))),
        dict(BASE, items=[{"product_id": "a"}, {"product_id": "b"}]))
    add("items with others, reordered, promoted", with_fields(items(
        field("colour", {"type": "map", "values": "int"}), field("price", "int"), field("quantity", "int"),
        field("product_id", "bytes"), field("sizes", {"type": "array", "items": "string"}))),
        dict(BASE, items=[{"colour": {"red": 3}, "price": 12, "quantity": 4, "product_id": b"p", "sizes": ["s", "m"]}]))
    add("many items", with_fields(items(field("product_id", "string"))),
        dict(BASE, items=[{"product_id": f"p{i}"} for i in range(256)]))
    add("unresolvable: other item", with_fields(items(field("sku", "string"))), dict(BASE, items=[{"sku": "a"}]))
    add("items in a union", with_fields(field("items", {"type": "array", "items": [
        "null", {"type": "record", "name": "Item", "fields": [field("product_id", "string")]}]})),
        dict(BASE, items=[{"product_id": "a"}]))
    add("null among items", with_fields(field("items", {"type": "array", "items": [
        "null", {"type": "record", "name": "Item", "fields": [field("product_id", "string")]}]})),
        dict(BASE, items=[None]))
    add("items nullable", with_fields(field("items", ["null", {"type": "array", "items": {
        "type": "record", "name": "Item", "fields": [field("product_id", "string")]}}])), dict(BASE, items=[{"product_id": "a"}]))


def alias_cases():
    reader = copy.deepcopy(READER)
    reader["aliases"] = ["com.shop.Happening"]
    for part in reader["fields"]:
        if part["name"] == "user_id":
            part["aliases"] = ["customer", "uid"]
        if part["name"] == "event_time":
            part["aliases"] = ["ts"]
        if part["name"] == "items":
            part["type"]["items"]["aliases"] = ["Line"]
            part["type"]["items"]["fields"][0]["aliases"] = ["sku"]
    writer = {"type": "record", "name": "com.shop.Happening", "fields": [
        field("ts", "long"), field("uid", "string"), reader_field("type"),
        field("items", {"type": "array", "items": {"type": "record", "name": "eddy.Line", "fields": [field("sku", "string")]}})]}
    add("aliases of records and fields", writer,
        {"ts": TIME, "uid": "u9", "type": "product_added", "items": [{"sku": "s1"}]}, reader=reader)
    both = record([field("uid", "string"), reader_field("type"), reader_field("user_id"), reader_field("event_time")])
    add("own name before alias", both, dict(BASE, uid="other"), reader=reader)
    VECTORS[-1]["expect"]["user_id"] = "u1"  # the specification leaves it open, fastavro takes what comes first


def default_cases():
    reader = copy.deepcopy(READER)
    defaults = {"source": "é\u0001", "items": [{"product_id": "d1", "price": None, "name": None}, {"product_id": "d2", "quantity": 7}],
                "properties": {"k": "v", "ü": ""}}
    for part in reader["fields"]:
        if part["name"] in defaults:
            part["default"] = defaults[part["name"]]
        if part["name"] == "channel":
            part.update(type=["string", "null"], default="web")
        if part["name"] == "latitude":
            part.update(type=["double", "null"], default=1)
        if part["name"] == "value":
            part.update(type=["long", "null"], default=12)
        if part["name"] == "machine_open":
            part.update(type=["boolean", "null"], default=True)
        if part["name"] == "type":
            part["default"] = "email_sent"
        if part["name"] == "event_time":
            part["default"] = TIME
    expect = tidy(dict(BASE, type="email_sent", channel="web", latitude=1, value=12, machine_open=True, source=defaults["source"],
                       properties=defaults["properties"],
                       items=[{"product_id": "d1", "quantity": 1}, {"product_id": "d2", "quantity": 7}]))
    add("defaults of every kind", record([reader_field("user_id")]), {"user_id": "u1"}, reader=reader)
    VECTORS[-1]["expect"].update(expect)  # fastavro does not complete records within a default (the specification does)


def skip_cases():
    node = {"type": "record", "name": "Node", "fields": [field("label", "string"), field("next", ["null", "Node"]),
                                                         field("children", {"type": "array", "items": "Node"})]}
    leaf = {"label": "leaf", "next": None, "children": []}
    tree = {"label": "root", "next": {"label": "n", "next": leaf, "children": [leaf, leaf]}, "children": [leaf]}
    extras = [("x_null", "null", None), ("x_boolean", "boolean", True), ("x_int", "int", -5), ("x_long", "long", -(1 << 62)),
              ("x_float", "float", 0.5), ("x_double", "double", float("nan")), ("x_bytes", "bytes", b"\xff\x00"),
              ("x_string", "string", "hello"), ("x_fixed", {"type": "fixed", "name": "F", "size": 5}, b"12345"),
              ("x_enum", {"type": "enum", "name": "X", "symbols": ["A", "B"]}, "B"), ("x_fixed2", "F", b"abcde"),
              ("x_array", {"type": "array", "items": {"type": "map", "values": ["null", "long"]}}, [{"a": None, "b": 3}, {}]),
              ("x_union", ["null", "string", {"type": "array", "items": "F"}], [b"11111"]), ("x_tree", node, tree),
              ("x_tree2", ["null", "Node"], tree), ("x_nulls", {"type": "array", "items": "null"}, [None] * 1000),
              ("x_optional", ["null", "string"], "o"), ("x_optional2", ["double", "null"], None)]
    fields, value = [], dict(BASE)
    for position, (name, schema, content) in enumerate(extras):
        fields.append(field(name, schema))
        value[name] = content
        if position % 6 == 5:
            fields.append(copy.deepcopy(REQUIRED[position // 6]))
    add("skips every type", record(fields), value)


def random_value(schema, rng):
    if isinstance(schema, list):
        return random_value(rng.choice(schema), rng)
    kind = schema["type"] if isinstance(schema, dict) else schema
    if kind == "record":
        return {part["name"]: random_value(part["type"], rng) for part in schema["fields"]}
    return {"null": lambda: None, "boolean": lambda: rng.random() < 0.5, "int": lambda: rng.randint(-2**31, 2**31 - 1),
            "long": lambda: rng.choice((rng.randint(-64, 63), rng.randint(-2**63, 2**63 - 1))), "float": lambda: rng.randint(-999, 999) / 8,
            "double": lambda: rng.uniform(-90, 90), "bytes": lambda: rng.choice(("", "x", "grüße")).encode(),
            "string": lambda: rng.choice(("", "a", "grüße", "日本語テキスト", "x" * rng.randint(0, 60))),
            "enum": lambda: rng.choice(schema["symbols"]), "fixed": lambda: bytes(schema["size"]),
            "array": lambda: [random_value(schema["items"], rng) for _ in range(rng.choice((0, 0, 1, 3)))],
            "map": lambda: {f"k{i}": random_value(schema["values"], rng) for i in range(rng.choice((0, 1, 4)))}}[kind]()


def mutate(schema, rng):
    """A type that can be read as `schema`."""
    promoted = {"long": ["int"], "double": ["int", "long", "float"], "string": ["bytes"]}
    if isinstance(schema, list) and "null" in schema:
        other = mutate(schema[1], rng)
        return rng.choice((["null", other], [other, "null"], other, "null", ["null", other, {"type": "array", "items": "int"}]))
    if isinstance(schema, str):
        return rng.choice([schema] + promoted.get(schema, []))
    if schema["type"] == "array":
        return {"type": "array", "items": mutate_record(schema["items"], rng, ("product_id",))}
    if schema["type"] == "enum":
        return dict(schema, symbols=rng.sample(schema["symbols"], rng.randint(1, len(schema["symbols"]))) + ["zz_unknown"],
                    default="zz_unknown")
    return schema


def mutate_record(schema, rng, required):
    fields = [field(part["name"], mutate(part["type"], rng)) for part in schema["fields"]
              if part["name"] in required or rng.random() < 0.4]
    extras = ["int", ["null", "string"], {"type": "map", "values": {"type": "array", "items": "double"}}, "boolean"]
    fields += [field(f"extra_{i}", rng.choice(extras)) for i in range(rng.randint(0, 3))]
    rng.shuffle(fields)
    return {"type": "record", "name": schema["name"], "fields": fields}


def random_cases(count):
    rng = random.Random(20261125)
    for number in range(count):
        writer = mutate_record(READER, rng, ("type", "user_id", "event_time"))
        value = random_value(writer, rng)
        if isinstance(value.get("items"), list):
            for item in value["items"]:
                item["product_id"] = item["product_id"] or b"p" if isinstance(item["product_id"], bytes) else item["product_id"] or "p"
        add(f"random {number}", writer, value)


def canonical_forms():
    schemas = [EVENT, "null", "int", "string", {"type": "int"}, ["null", {"type": "string"}],
               {"type": "fixed", "name": "Id", "namespace": "a.b", "size": 16, "doc": "x", "aliases": ["Old"]},
               {"name": "E", "type": "enum", "symbols": ["A", "B"], "default": "A", "namespace": "n"},
               {"type": "array", "items": {"type": "map", "values": {"type": "long", "logicalType": "timestamp-millis"}}},
               {"type": "record", "name": "x.y.List", "fields": [
                   {"name": "next", "type": ["null", "List"], "default": None, "order": "ignore"},
                   {"name": "id", "type": {"type": "fixed", "name": "Id", "size": 4}}, {"name": "other", "type": "x.y.Id"},
                   {"name": "inner", "type": {"type": "record", "name": "Inner", "namespace": "z", "fields": [
                       {"name": "e", "type": {"type": "enum", "name": "En", "symbols": []}}, {"name": "f", "type": "En"}]}}]}]
    for name in ("SegmentChange", "Trigger", "Model", "ModelDelta", "Segment", "Suppressed"):
        with open(os.path.join(ROOT, "schemas", name + ".avsc")) as file:
            schemas.append(json.load(file))
    forms = []
    for schema in schemas:
        form = to_parsing_canonical_form(copy.deepcopy(schema))
        # fastavro gives the fingerprint as little-endian hex, as single-object encoding carries it
        forms.append({"schema": schema, "canonical": form, "fingerprint": fingerprint(form, "CRC-64-AVRO")})
    return forms


def main():
    for cases in (fixed_cases, promotion_cases, enum_cases, union_cases, item_cases, alias_cases, default_cases, skip_cases):
        cases()
    random_cases(40)
    print("{\"fastavro\": " + json.dumps(fastavro.__version__) + ",\n\"canonical\": [")
    print(",\n".join(json.dumps(form, ensure_ascii=False) for form in canonical_forms()))
    print("],\n\"vectors\": [")
    print(",\n".join(json.dumps(vector, ensure_ascii=False) for vector in VECTORS))
    print("]}")


if __name__ == "__main__":
    sys.exit(main())
