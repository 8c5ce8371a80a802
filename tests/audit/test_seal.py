"""The Merkle log against an independent, slow reading of RFC 9162 §2.1, and against the verifier's own arithmetic."""

import base64
import hashlib

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from audit import verifier
from audit.seal import (
    EMPTY_ROOT,
    Frontier,
    Tree,
    checkpoint_body,
    is_signed,
    key_problems,
    leaf_hash,
    public_key,
    public_key_text,
    signed_checkpoint,
    signing_key,
)

ENTRIES = st.lists(st.binary(max_size=4), max_size=70)
SEED = base64.b64encode(bytes(range(32))).decode()
ORIGIN = "conto/audit/org_1"


def split(count: int) -> int:
    power = 1
    while power * 2 < count:
        power *= 2
    return power


def slow_root(entries: list[bytes]) -> bytes:
    """MTH(D[n])."""
    if not entries:
        return hashlib.sha256().digest()
    if len(entries) == 1:
        return hashlib.sha256(b"\0" + entries[0]).digest()
    middle = split(len(entries))
    return hashlib.sha256(b"\1" + slow_root(entries[:middle]) + slow_root(entries[middle:])).digest()


def slow_path(index: int, entries: list[bytes]) -> list[bytes]:
    """PATH(m, D[n])."""
    if len(entries) == 1:
        return []
    middle = split(len(entries))
    if index < middle:
        return [*slow_path(index, entries[:middle]), slow_root(entries[middle:])]
    return [*slow_path(index - middle, entries[middle:]), slow_root(entries[:middle])]


def slow_proof(old: int, entries: list[bytes], *, is_known: bool = True) -> list[bytes]:
    """SUBPROOF(m, D[n], b)."""
    if old == len(entries):
        return [] if is_known else [slow_root(entries)]
    middle = split(len(entries))
    if old <= middle:
        return [*slow_proof(old, entries[:middle], is_known=is_known), slow_root(entries[middle:])]
    return [*slow_proof(old - middle, entries[middle:], is_known=False), slow_root(entries[:middle])]


def hashed(entries: list[bytes]) -> list[bytes]:
    return [leaf_hash(entry) for entry in entries]


@given(ENTRIES, st.data())
def test_a_log_grown_in_parts_has_the_root_of_the_whole(entries: list[bytes], data: st.DataObject) -> None:
    cut = data.draw(st.integers(0, len(entries)))
    first = Frontier().grown(hashed(entries[:cut]))
    kept = Frontier.unpacked(first.size, first.packed())
    whole = kept.grown(hashed(entries[cut:]))
    assert first.root() == slow_root(entries[:cut])
    assert whole.root() == slow_root(entries) == Tree(hashed(entries)).root(len(entries))
    assert whole.size == len(entries)


@given(ENTRIES.filter(bool), st.data())
def test_inclusion_proofs(entries: list[bytes], data: st.DataObject) -> None:
    size = data.draw(st.integers(1, len(entries)))
    index = data.draw(st.integers(0, size - 1))
    proof = Tree(hashed(entries)).inclusion_proof(index, size)
    assert proof == slow_path(index, entries[:size])
    leaf = leaf_hash(entries[index])
    assert verifier.root_from_inclusion(leaf, index, size, proof) == slow_root(entries[:size])
    assert verifier.root_from_inclusion(leaf, index, size, [*proof, leaf]) is None
    if proof:
        assert verifier.root_from_inclusion(leaf, index, size, proof[:-1]) is None
        assert verifier.root_from_inclusion(leaf_hash(b"another"), index, size, proof) != slow_root(entries[:size])


@given(ENTRIES.filter(bool), st.data())
def test_consistency_proofs(entries: list[bytes], data: st.DataObject) -> None:
    size = data.draw(st.integers(1, len(entries)))
    old = data.draw(st.integers(1, size))
    proof = Tree(hashed(entries)).consistency_proof(old, size)
    roots = slow_root(entries[:old]), slow_root(entries[:size])
    assert proof == slow_proof(old, entries[:size])
    assert verifier.roots_from_consistency(old, roots[0], size, proof) == roots
    assert verifier.roots_from_consistency(old, roots[0], size, [*proof, roots[0]]) is None
    if old < size:
        assert verifier.roots_from_consistency(old, EMPTY_ROOT, size, proof) != (EMPTY_ROOT, roots[1])
        assert verifier.roots_from_consistency(old, roots[0], size, proof[:-1]) != roots


def test_known_roots() -> None:
    """The test vectors of the certificate transparency project's own log (eight leaves)."""
    leaves = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"]
    frontier = Frontier().grown(leaf_hash(bytes.fromhex(leaf)) for leaf in leaves)
    assert frontier.root().hex() == "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"
    assert EMPTY_ROOT.hex() == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


@pytest.mark.parametrize(("index", "size"), [(0, 0), (3, 3), (-1, 3), (0, 4)])
def test_a_proof_of_what_is_not_there_is_refused(index: int, size: int) -> None:
    with pytest.raises(ValueError, match="leaves"):
        Tree(hashed([b"a", b"b", b"c"])).inclusion_proof(index, size)


@pytest.mark.parametrize(("old", "size"), [(0, 3), (4, 3), (1, 4)])
def test_a_consistency_proof_of_what_is_not_there_is_refused(old: int, size: int) -> None:
    with pytest.raises(ValueError, match="leaves"):
        Tree(hashed([b"a", b"b", b"c"])).consistency_proof(old, size)


def test_a_frontier_must_fit_its_size() -> None:
    with pytest.raises(ValueError, match="3 leaves has 2 peaks"):
        Frontier.unpacked(3, bytes(32))


def test_a_checkpoint_is_a_signed_note() -> None:
    key = signing_key(SEED)
    text = signed_checkpoint(ORIGIN, 3, bytes(32), key)
    body = f"{ORIGIN}\n3\n{base64.b64encode(bytes(32)).decode()}\n"
    head, signature = text.split("\n\n")
    assert f"{head}\n" == body == checkpoint_body(ORIGIN, 3, bytes(32))
    dash, name, blob = signature.rstrip("\n").split(" ")
    assert (dash, name) == ("\N{EM DASH}", ORIGIN)
    raw = base64.b64decode(blob)
    public = key.public_key().public_bytes_raw()
    assert raw[:4] == hashlib.sha256(ORIGIN.encode() + b"\n\x01" + public).digest()[:4]
    key.public_key().verify(raw[4:], body.encode())
    assert verifier.read_checkpoint(text).is_signed([key.public_key()])


def test_only_an_accepted_key_vouches_and_only_for_the_text_it_signed() -> None:
    key, other = signing_key(SEED), Ed25519PrivateKey.generate()
    text, body = signed_checkpoint(ORIGIN, 3, bytes(32), key), checkpoint_body(ORIGIN, 3, bytes(32))
    assert is_signed(text, body, ORIGIN, [other.public_key(), key.public_key()])
    assert not is_signed(text, body, ORIGIN, [other.public_key()])
    assert not is_signed(text, checkpoint_body(ORIGIN, 4, bytes(32)), ORIGIN, [key.public_key()])
    assert not is_signed(
        text.replace("\n3\n", "\n4\n"), checkpoint_body(ORIGIN, 4, bytes(32)), ORIGIN, [key.public_key()]
    )
    assert not is_signed(text[:-8] + "AAAAAA=\n", body, ORIGIN, [key.public_key()])
    assert not is_signed(body + "\n", body, ORIGIN, [key.public_key()])
    assert not is_signed("nothing", body, ORIGIN, [key.public_key()])


@pytest.mark.parametrize("text", ["", "AAAA", "not base 64!", SEED + "AAAA"])
def test_a_key_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        signing_key(text)
    with pytest.raises(ValueError, match="32 bytes"):
        public_key(text)


def test_what_is_wrong_with_the_keys_of_the_settings() -> None:
    public = public_key_text(signing_key(SEED).public_key())
    assert key_problems(SEED, [public]) == []
    assert key_problems("", [public, "x"]) == [
        "CONTO_AUDIT_SIGNING_KEY cannot sign: a key is 32 bytes in base 64.",
        "CONTO_AUDIT_FORMER_KEYS holds what is no public key: a key is 32 bytes in base 64.",
    ]


def test_a_public_key_is_read_as_it_was_written() -> None:
    key = signing_key(SEED).public_key()
    assert public_key(public_key_text(key)).public_bytes_raw() == key.public_bytes_raw()
