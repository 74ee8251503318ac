"""Requests that Debian's python3-confluent-kafka does not have, by Kafka's wire protocol: one broker, versions without tagged fields."""
import socket
import struct

OFFSET_COMMIT, DELETE_RECORDS, DELETE_GROUPS, CREATE_ACLS = (8, 2), (21, 1), (42, 1), (30, 1)  # (API key, version)


def _text(value):
    data = value.encode()
    return struct.pack(">h", len(data)) + data


def _array(items):
    return struct.pack(">i", len(items)) + b"".join(items)


def _receive(connection, size):
    data = b""
    while len(data) < size:
        more = connection.recv(size - len(data))
        assert more, "the broker hung up"
        data += more
    return data


def _ask(brokers, api, body):
    """The response without its header."""
    host, port = brokers.split(":")
    request = struct.pack(">hhi", *api, 1) + _text("test") + body
    with socket.create_connection((host, int(port)), timeout=60) as connection:
        connection.sendall(struct.pack(">i", len(request)) + request)
        return _receive(connection, struct.unpack(">i", _receive(connection, 4))[0])[4:]


def _no_error(code, what):
    assert code == 0, f"{what}: error {code}"


def delete_records(brokers, topic, partition, before):
    """The log of the partition starts at offset `before` from now on."""
    body = _array([_text(topic) + _array([struct.pack(">iq", partition, before)])]) + struct.pack(">i", 30000)
    _no_error(struct.unpack(">h", _ask(brokers, DELETE_RECORDS, body)[-2:])[0], f"deleting records of {topic}")


def delete_group(brokers, group):
    """Its offsets go with it. It must be empty."""
    _no_error(struct.unpack(">h", _ask(brokers, DELETE_GROUPS, _array([_text(group)]))[-2:])[0], f"deleting group {group}")


def commit_offset(brokers, group, topic, partition, offset, metadata):
    """As a program outside of the group would."""
    place = struct.pack(">iq", partition, offset) + _text(metadata)
    body = _text(group) + struct.pack(">i", -1) + _text("") + struct.pack(">q", -1) + _array([_text(topic) + _array([place])])
    _no_error(struct.unpack(">h", _ask(brokers, OFFSET_COMMIT, body)[-2:])[0], f"committing offset of {topic}")


RESOURCES = {"topic": 2, "group": 3, "cluster": 4, "transactional-id": 5}
OPERATIONS = {"all": 2, "read": 3, "write": 4, "create": 5, "describe": 8, "describe-configs": 10}


def allow(brokers, user, resource, prefix, *operations):
    """The user may do that to all resources of the kind whose names begin so (the cluster has one name)."""
    pattern = 3 if resource == "cluster" else 4  # literal, prefixed
    grants = [struct.pack(">b", RESOURCES[resource]) + _text(prefix) + struct.pack(">b", pattern) + _text(f"User:{user}") + _text("*") +
              struct.pack(">bb", OPERATIONS[operation], 3) for operation in operations]
    answer = _ask(brokers, CREATE_ACLS, _array(grants))
    _no_error(struct.unpack(">h", answer[8:10])[0], f"allowing {user} {operations} on {resource} {prefix}")
