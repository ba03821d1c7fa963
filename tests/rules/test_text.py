"""Words, their normal forms, and the way back to the original."""

from __future__ import annotations

import unicodedata
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules import text as words
from rules.text import Text


def forms(text: str, lang: str = "") -> list[str]:
    return Text(text, lang).normals


def originals(text: str) -> list[str]:
    read = Text(text)
    places = [read.place(i, i) for i in range(len(read))]
    return [text[place.start : place.end] for place in places]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Zürich ZÜRICH Zu\u0308rich", ["zurich", "zurich", "zurich"]),
        ("Straße STRASSE", ["strasse", "strasse"]),
        ("Đà Nẵng khí", ["da", "nang", "khi"]),
        ("İstanbul ILIK ılık", ["istanbul", "ilik", "ilik"]),
        ("Łódź Ørsted Ħamrun Æsir œuvre", ["lodz", "orsted", "hamrun", "aesir", "oeuvre"]),
        ("Αθήνα ΑΘΗΝΑΣ αθήνας", ["αθηνα", "αθηνασ", "αθηνασ"]),
        ("ёлка Ёлка", ["елка", "елка"]),
        ("Пу\u0301тин за\u0300мок", ["путин", "замок"]),
        ("Київ Йод йод", ["київ", "йод", "йод"]),
        ("ќерка ѓавол ѝ", ["ќерка", "ѓавол", "ѝ"]),
        ("أحمد إيران آسيا ٱلله", ["احمد", "ايران", "اسيا", "الله"]),
        ("تَحْرِيم تحـــريم", ["تحريم", "تحريم"]),
        ("على علي", ["على", "علي"]),
        ("کتاب ایران", ["كتاب", "ايران"]),
        ("שָׁלוֹם שלום", ["שלום", "שלום"]),
        ("हिन्दी में पुतिन", ["हिन्दी", "में", "पुतिन"]),
        ("ﬁnal Ｐｕｔｉｎ 𝐏utin Ⓐ", ["final", "putin", "putin", "a"]),
        ("２０２４ ٢٠٢٤ २०२४ ๒๐๒๔ 2024", ["2024"] * 5),
        ("pipe\u00adline pipe\u200bline pipe\u2060line", ["pipeline"] * 3),
        ("\u202bPutin\u202c \u2067Xi\u2069", ["putin", "xi"]),
        ("Gazprom™ Gazprom℠ m² x³", ["gazprom", "gazprom", "m", "x"]),
        ("CO₂ 1ª", ["co2", "1a"]),
        ("1️⃣", ["1"]),
    ],
)
def test_words_compare_in_normal_form(text: str, expected: list[str]) -> None:
    assert forms(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Putin's Putin’s Putinʼs", ["putin", "s"] * 3),
        ("COVID-19 COVID–19 COVID‑19 COVID 19", ["covid", "19"] * 4),
        ("gas-pipeline/oil_pipe", ["gas", "pipeline", "oil", "pipe"]),
        ("普京访华", ["普", "京", "访", "华"]),
        ("習近平 국회 東京", ["習", "近", "平", "국회", "東", "京"]),
        ("らーめん", ["らー", "め", "ん"]),
        ("東京ー大阪", ["東", "京", "ー", "大", "阪"]),
        ("ウラジーミル・プーチン大統領", ["ウラジーミル", "プーチン", "大", "統", "領"]),
        ("ﾌﾟｰﾁﾝ ｶﾞｽ", ["プーチン", "ガス"]),
        ("5キロ Aと 第5回", ["5", "キロ", "a", "と", "第", "5", "回"]),
        ("EU가 2024년 푸틴이", ["eu", "가", "2024", "년", "푸틴이"]),
        ("각 각", ["각", "각"]),
        ("เกาะ น้ำ ปูติน", ["เกาะ", "น้ํา", "ปู", "ติ", "น"]),
        ("ປູຕິນ ໄທ", ["ປູ", "ຕິ", "ນ", "ໄທ"]),
        ("ပူတင်", ["ပူ", "တ", "င်"]),
        ("ពូទីន", ["ពូ", "ទី", "ន"]),
        ("تحریم‌های", ["تحريم", "هاي"]),
        ("تحریم\u200dهای", ["تحريمهاي"]),
        ("pipe\u200cline", ["pipeline"]),
        ("½ 5½ ℃", ["1", "2", "51", "2", "c"]),
        ("㈱日立 ㌔ 10㎞", ["株", "日", "立", "キロ", "10km"]),
        ("coŀlecció ŉ", ["col", "leccio", "n"]),
        ("ـ ـــ", []),
        ("... !!! 🇷🇺 👍🏽", []),
        ("\ud800Putin\udfff", ["putin"]),
        ("葛󠄀城", ["葛", "城"]),
    ],
)
def test_texts_of_every_script_are_cut_into_words(text: str, expected: list[str]) -> None:
    assert forms(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Putin’s ﬁnal pipe\u00adline\u00ad.", ["Putin", "s", "ﬁnal", "pipe\u00adline"]),
        ("½ ㈱", ["½", "½", "㈱"]),
        ("ｶﾞｽ管", ["ｶﾞｽ", "管"]),
        ("Zu\u0308rich!", ["Zu\u0308rich"]),
        ("ﷺ", ["ﷺ"] * 4),
    ],
)
def test_places_point_into_the_original(text: str, expected: list[str]) -> None:
    assert originals(text) == expected


@pytest.mark.parametrize(
    ("text", "piece", "expected"),
    [
        ("der ﬁnale Akt", "fi", "ﬁ"),
        ("die Straße dort", "ss", "ß"),
        ("Putin’s Rede", "n's r", "n’s R"),
        ("10㎞ weit", "km w", "㎞ w"),
        ("5½ Jahre", "1⁄2", "½"),
        ("Zu\u0308rich", "ur", "u\u0308r"),
        ("ｶﾞｽ", "ガ", "ｶﾞ"),
        ("تحریم‌های", "م-ه", "م\u200cه"),
        ("a\u00adb c", "ab", "a\u00adb"),
        ("각", "각", "각"),
    ],
)
def test_the_text_for_regular_expressions_knows_its_way_back(
    text: str, piece: str, expected: str
) -> None:
    read = Text(text)
    start = read.folded.index(piece)
    begin, end = read.unfolded(start, start + len(piece))
    assert text[begin:end] == expected


def test_accents_are_kept_where_they_count() -> None:
    assert words.accented("KHÍ") == "khí"
    assert words.accented("Đông") == "đông"
    assert words.normal("Đông") == "dong"


def test_signs_compare_in_plain_form() -> None:
    assert words.signs("’ – ／ ™") == "' - / ™"
    assert words.asked(' – , ; " “ ') == ""
    assert words.asked(" & ") == "&"


@pytest.mark.parametrize(
    ("lang", "one", "other"),
    [
        ("ru", "Путина", "Путин"),
        ("pl", "Putina", "Putin"),
        ("cs", "Putinovi", "Putin"),
        ("en", "pipelines", "pipeline"),
        ("id", "pipanya", "pipa"),
        ("de-AT", "Leitungen", "Leitung"),
    ],
)
def test_inflected_forms_share_a_stem(lang: str, one: str, other: str) -> None:
    lang = words.language(lang)
    assert words.stem(one, lang) == words.stem(other, lang)


def test_a_language_without_a_stemmer_leaves_the_word_alone() -> None:
    assert words.stem("Путіна", "uk") == "путіна"
    assert not words.has_stemmer("uk")
    assert not words.has_stemmer("")
    assert words.has_stemmer("pl-PL")


texts = st.text(
    alphabet=st.one_of(
        st.characters(),
        st.sampled_from("abÀß Пёй\u0301\u0308\u200c\u00ad普カｶﾞ가각กำเ½㈱ﷺتیᾳİ’–™²\u2009"),
    ),
    max_size=40,
)


@given(texts)
def test_a_normal_form_is_its_own_normal_form(text: str) -> None:
    for form in forms(text):
        assert words.normal(form) == form
        assert form


@given(texts)
def test_words_stand_in_order_inside_the_original(text: str) -> None:
    read = Text(text)
    places = [read.place(index, index) for index in range(len(read))]
    for place in places:
        assert 0 <= place.start < place.end <= len(text)
    for one, other in pairwise(places):
        assert one.start <= other.start
        assert one.end <= other.end


@given(texts)
def test_every_piece_of_the_folded_text_has_a_place(text: str) -> None:
    read = Text(text)
    for index in range(len(read.folded)):
        start, end = read.unfolded(index, index + 1)
        assert 0 <= start < end <= len(text)


@given(texts)
def test_composed_and_decomposed_texts_have_the_same_words(text: str) -> None:
    assert forms(unicodedata.normalize("NFC", text)) == forms(unicodedata.normalize("NFD", text))


@given(texts, texts)
def test_a_space_separates_all_that_stands_before_from_all_after(one: str, other: str) -> None:
    assert forms(f"{one} . {other}") == forms(one) + forms(other)


def test_the_folded_text_is_that_of_its_pieces_also_where_it_is_made_at_once() -> None:
    every = "".join(map(chr, range(128)))
    for text in (every, f"A{every}Z", 'Gas-deal\'s "price" `5`', " ", ""):
        read = Text(text)
        assert read.folded == "".join(piece for piece, _, _ in read._pieces())
