"""The language of an item: declared where the letters allow it, else what they say."""

from __future__ import annotations

import pytest

from monitor.language import Detector, load_guess, primary, tag

LONG_ID = "Presiden bertemu menteri luar negeri untuk membahas kerja sama energi dan pipa gas."


def unsure(text: str) -> tuple[str, float]:
    return "en", 0.59


def detect(text: str, **declared: str) -> str:
    return Detector(unsure).language(text, **declared)


@pytest.mark.parametrize(
    ("text", "declared", "language"),
    [
        ("Gas deal", {"own": "en-gb", "feed": "de"}, "en-GB"),
        ("Gas deal", {"feed": "en-us"}, "en"),
        ("Gas deal", {"operator": "id", "feed": "en-us"}, "id"),
        ("Gas deal", {"own": "fr", "operator": "id"}, "fr"),
        ("Gas deal", {"own": "nonsense!", "feed": "EN_us"}, "en"),
        ("Gas deal", {"feed": "in"}, "id"),
        ("Gas deal", {}, ""),
        # the script contradicts what is declared
        ("普京访华", {"feed": "en-us"}, "zh"),
        ("Путин приехал в Пекин", {"feed": "en"}, ""),
        ("プーチン氏が訪中", {"own": "en"}, "ja"),
        ("プーチン氏が訪中", {"own": "zh"}, "ja"),
        ("푸틴 대통령", {"feed": "ru"}, "ko"),
        ("President visits the provinces after the big storm", {"feed": "ru"}, ""),
        # and where it does not
        ("iPhone 17 Pro", {"feed": "ru"}, "ru"),
        ("Путин", {"feed": "uk"}, "uk"),
        ("日中首脳会談", {"feed": "ja"}, "ja"),
        ("سخنرانی", {"own": "fa-IR"}, "fa-IR"),
        ("Ћирилица", {"feed": "sr"}, "sr"),
        ("Latinica", {"feed": "sr"}, "sr"),
        # one script, one language
        ("ปูตินเยือนปักกิ่ง", {}, "th"),
        ("Πούτιν", {}, "el"),
        ("პუტინი", {}, "ka"),
        ("這是新聞の標題與內容", {}, "zh"),
        ("首脳会談は北京で開かれた", {}, "ja"),
        ("", {"feed": "en"}, "en"),
        ("12:30 – 50 %", {}, ""),
    ],
)
def test_what_is_declared_counts_where_the_letters_allow_it(
    text: str, declared: dict[str, str], language: str
) -> None:
    assert detect(text, **declared) == language


def test_a_guess_counts_only_for_long_texts_when_it_is_sure_and_fits_the_letters() -> None:
    asked: list[str] = []

    def sure(text: str) -> tuple[str, float]:
        asked.append(text)
        return "id", 0.6

    assert Detector(sure).language(LONG_ID[:39]) == ""
    assert asked == []
    assert Detector(sure).language(LONG_ID) == "id"
    assert Detector(sure).language("Путин приехал в Пекин с официальным визитом") == ""
    assert Detector(unsure).language(LONG_ID) == ""


@pytest.mark.parametrize(
    ("text", "language"),
    [
        (LONG_ID, "id"),
        ("Президент приехал в Пекин, но договор о газопроводе не был подписан.", "ru"),
        ("Президент приїхав до Пекіна, але угоду про газопровід не підписали.", "uk"),
        ("Der Präsident reiste nach Peking, doch der Gasvertrag wurde nicht unterzeichnet.", "de"),
        ("وصل الرئيس إلى بكين لكن اتفاق خط أنابيب الغاز لم يوقع بعد", "ar"),
        ("PRESIDENT ARRIVES IN BEIJING BUT THE GAS PIPELINE DEAL IS NOT SIGNED", "en"),
    ],
)
def test_the_model_of_the_package_is_read_without_a_download(
    text: str, language: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("a connection")

    monkeypatch.setattr("socket.socket.connect", refuse)

    assert Detector(load_guess()).language(text) == language


def test_tags_are_written_one_way() -> None:
    assert [tag(written) for written in ("EN_us", "zh-hant-tw", "es-419", " de ", "x", "")] == [
        "en-US",
        "zh-Hant-TW",
        "es-419",
        "de",
        "",
        "",
    ]
    assert primary("zh-Hant-TW") == "zh"
    assert tag("english") == ""
