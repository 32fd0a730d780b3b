from __future__ import annotations

from sentinelops_server.storage.payloads.words import MASKS, WORD, bloom, might_contain, texts_of, words_of


def test_words_of_any_script() -> None:
    texts = ["Don't PANIC_42", "naïve Ünïcode — 日本語", "don't"]
    assert {word.decode() for word in words_of(texts)} == {"don", "t", "panic_42", "naïve", "ünïcode", "日本語"}


def test_the_short_way_finds_what_the_long_way_finds() -> None:
    text = "".join(map(chr, range(128))) + " Mixed Case_9 a-b\tc"
    assert {word.decode() for word in words_of([text])} == set(WORD.findall(text.lower()))


def test_every_word_is_found_and_few_others() -> None:
    words = [f"word{n}" for n in range(3000)]
    held = bloom(words_of(words))
    assert len(held) == 3752
    assert all(might_contain(held, word.upper()) for word in words)
    wrong = sum(might_contain(held, f"other{n}") for n in range(10_000))
    assert wrong < 300


def test_a_phrase_needs_all_its_words() -> None:
    held = bloom({b"red", b"fox"})
    assert len(held) == 64
    assert might_contain(held, "red fox")
    assert not might_contain(held, "red wolf")


def test_the_texts_of_a_payload() -> None:
    content = {"input_messages": [{"role": "user", "parts": [{"content": "hi"}, {"n": 1}]}], "output": ["there", None]}
    assert sorted(texts_of(content)) == ["hi", "there", "user"]


def test_filters_that_are_stored_stay_readable() -> None:
    assert {mask.bit_count() for mask in MASKS} == {4}
    assert (MASKS[0], MASKS[4095]) == (18014676608614400, 72057594042126340)
    assert bloom({b"red"}).hex() == "0" * 119 + "a00040080"
