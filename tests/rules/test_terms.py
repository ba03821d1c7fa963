"""What each way of writing a term finds, and what it leaves alone."""

from __future__ import annotations

import pytest

from rules import Document, evaluate


def found(expression: str, text: str, lang: str = "") -> list[str] | None:
    """The pieces of the text that made it true, ``None`` where it is not."""
    match = evaluate(expression, Document(title=text, lang=lang))
    return None if match is None else [text[span.start : span.end] for span in match.spans]


@pytest.mark.parametrize(
    ("term", "text", "expected"),
    [
        # any case, any accents, whole words only
        ("pipeline", "Gas Pipeline: the PIPELINE", ["Pipeline", "PIPELINE"]),
        ("pagan", "Soviet propaganda", None),
        ("Xi", "Xinhua reports", None),
        ("Putin", "Rasputin", None),
        ("putin", "Putin's and Putin’s", ["Putin", "Putin"]),
        ("Zurich", "in ZÜRICH", ["ZÜRICH"]),
        ("Zürich", "in Zurich", ["Zurich"]),
        ("Straße", "STRASSE", ["STRASSE"]),
        ("marvel", "marvellous", None),
        # phrases
        ('"gas pipeline"', "a gas pipeline, a gas-pipeline", ["gas pipeline", "gas-pipeline"]),
        ('"gas pipeline"', "gas; (pipeline)", ["gas; (pipeline"]),
        ('"gas pipeline"', "pipeline gas", None),
        ('"gas pipeline"', "gas and pipeline", None),
        ("COVID-19", "COVID–19, COVID 19, covid19", ["COVID–19", "COVID 19"]),
        ('"COVID 19"', "Covid-19", ["Covid-19"]),
        # beginnings, ends, middles
        ("pipelin*", "pipelines and pipelining, a pipe", ["pipelines", "pipelining"]),
        ('"gas pipelin*"', "gas pipelines", ["gas pipelines"]),
        ("*stream", "Nordstream and streams", ["Nordstream"]),
        ("*stream*", "Nordstreams upstream", ["Nordstreams", "upstream"]),
        ("AT&Tele*", "AT&Telecom, at telecom", ["AT&Telecom"]),
        ("=Gazprom*", "Gazprombank gazprombank GAZPROM", ["Gazprombank"]),
        # exactly these letters
        ("=US", "us and US", ["US"]),
        ("=us", "us and US", ["us"]),
        ('="Us Weekly"', "Us Weekly, US Weekly", ["Us Weekly"]),
        ("=Zürich", "Zurich, Zürich, Zu\u0308rich", ["Zürich", "Zu\u0308rich"]),
        ("=US", "ＵＳ", ["ＵＳ"]),
        # windows
        ('"gas pipeline"~1', "pipeline for gas", ["pipeline", "gas"]),
        ('"gas pipeline"~0', "pipeline gas", ["pipeline", "gas"]),
        ('"gas pipeline"~0', "pipeline for gas", None),
        ('"gas gas"~3', "one gas only", None),
        ('"gas gas"~3', "gas or gas", ["gas", "gas"]),
        ('"gas gas*"~3', "gas", None),
        ('"gas pipelin* deal"~2', "a deal on gas pipelines", ["deal", "gas", "pipelines"]),
        ('"gas pipeline"~5', "gas x x x x x pipeline", ["gas", "pipeline"]),
        ('"gas pipeline"~5', "gas x x x x x x pipeline", None),
        # regular expressions
        (r"/gas\s?prom/", "Gas Prom, GAZPROM, gasprom", ["Gas Prom", "gasprom"]),
        ("/EU/c", "EU eu neu NEU", ["EU", "EU"]),
        (r"/\bxi\b/", "Xi in Xinhua", ["Xi"]),
        (r"/(a+)+$/", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaab", None),
        (r"/straße/", "Straße", None),
        (r"/strasse/", "Straße", ["Straße"]),
        (r"/\pL+\/\pL+/", "km/h", ["km/h"]),
    ],
)
def test_a_term_finds(term: str, text: str, expected: list[str] | None) -> None:
    assert found(term, text) == expected


@pytest.mark.parametrize(
    ("term", "text", "expected"),
    [
        ("AT&T", "AT&T and AT & T, AT T", ["AT&T", "AT & T"]),
        ("C++", "C++, C+ and C", ["C++"]),
        (".NET", "the .NET way; net", [".NET"]),
        ("C#", "in C# and C", ["C#"]),
        ('"S&P 500"', "S&P 500, S&P-500; S P 500", ["S&P 500", "S&P-500"]),
        ("O'Brien", "O’Brien, O Brien, O'Brien", ["O’Brien", "O'Brien"]),
        ("10:30", "at 10:30, not 10.30 or 10 30", ["10:30"]),
        ("km/h", "90 km/h, km h", ["km/h"]),
        ("Yahoo", "Yahoo!", ["Yahoo"]),
        ('"Yahoo!"', "Yahoo! but yahoo", ["Yahoo!"]),
        ("Gazprom", "Gazprom™", ["Gazprom"]),
        ("Gazprom™", "Gazprom Gazprom™", ["Gazprom™"]),
        ("U.N.", "the U.N. said; the UN", ["U.N."]),
        ("7,000", "7,000 kata; 7000", ["7,000"]),
        ("m²", "10 m² m", ["m²"]),
        ("#gas", "#gas gas", ["#gas"]),
        ('"gas, oil; coal"', "gas oil coal", ["gas oil coal"]),
        ("a@b.org", "write to a@b.org", ["a@b.org"]),
        ("http://tass.com/", "see http://tass.com/ now", ["http://tass.com/"]),
        ('צה"ל', "צה״ל הודיע", ["צה״ל"]),
        ("AC/DC", "AC/DC; ac dc", ["AC/DC"]),
        ("Прем'єр", "Прем’єр і Премʼєр", ["Прем’єр", "Премʼєр"]),
    ],
)
def test_signs_inside_a_term_must_be_there_too(
    term: str, text: str, expected: list[str] | None
) -> None:
    assert found(term, text) == expected


@pytest.mark.parametrize(
    ("term", "lang", "text", "expected"),
    [
        # Indonesian
        ("pipa", "id", "pembangunan pipa gas", ["pipa"]),
        ("pipa", "id", "pipanya", None),
        ("~pipa", "id", "pipanya dan pipa", ["pipanya", "pipa"]),
        ('"pipa gas"', "id", "Pipa gas Rusia", ["Pipa gas"]),
        # Russian
        ("Путин*", "ru", "Путина, Путиным, Путин и Распутин", ["Путина", "Путиным", "Путин"]),
        ("~Путин", "ru", "Путину и Путина; Распутин", ["Путину", "Путина"]),
        ("газопровод*", "ru", "газопроводов", ["газопроводов"]),
        ("Пути\u0301н", "ru", "Путин", ["Путин"]),
        ("елка", "ru", "Ёлка", ["Ёлка"]),
        # Ukrainian: no stemmer
        ("Путін*", "uk", "Путіна, Путіним, Путін", ["Путіна", "Путіним", "Путін"]),
        ("~Путін", "uk", "Путіна, Путін", ["Путін"]),
        ("Прем'єр", "uk", "Прем’єр-міністр", ["Прем’єр"]),
        # Polish, Czech, Slovene, Bulgarian
        ("Putin*", "pl", "Putina, Putinowi, Rasputin", ["Putina", "Putinowi"]),
        ("~Putin", "pl", "Putina i Putinem", ["Putina", "Putinem"]),
        ("gazociąg*", "pl", "gazociągu", ["gazociągu"]),
        ("Putin*", "cs", "Putinovi a Putina", ["Putinovi", "Putina"]),
        ("~Putin", "cs", "Putinovi", ["Putinovi"]),
        ("Putin*", "sl", "Putinom in Putinu", ["Putinom", "Putinu"]),
        ("Путин*", "bg", "Путинов", ["Путинов"]),
        ("~Путин", "bg", "Путинов, Путин", ["Путин"]),
        # German, English, French, Spanish
        ("*pipeline*", "de", "Gaspipelines", ["Gaspipelines"]),
        ("~Pipeline", "de", "Pipelines", ["Pipelines"]),
        ("~pipeline", "en", "pipelines", ["pipelines"]),
        ('~"gas pipelines"', "en", "the gas pipeline", ["gas pipeline"]),
        ("~oléoduc", "fr", "les oléoducs", ["oléoducs"]),
        ("oleoduc*", "fr", "les oléoducs", ["oléoducs"]),
        ("gasoducto*", "es", "Los gasoductos", ["gasoductos"]),
        # Chinese, Japanese
        ("普京", "zh", "普京访华", ["普京"]),
        ("普京", "zh", "普通的京城", None),
        ("习近平", "zh", "会见习近平，普京", ["习近平"]),
        ("日中", "ja", "25日、中国", None),
        ("日中", "ja", "日中関係", ["日中"]),
        ("タイ", "ja", "タイトル", None),
        ("タイ", "ja", "タイの首相", ["タイ"]),
        ("プーチン大統領", "ja", "プーチン大統領が", ["プーチン大統領"]),
        ("プーチン", "ja", "ﾌﾟｰﾁﾝ氏", ["ﾌﾟｰﾁﾝ"]),
        ("第5回", "ja", "第5回会議、第 5 回", ["第5回", "第 5 回"]),
        ("25日", "ja", "25、日本", None),
        # Korean
        ("푸틴", "ko", "푸틴이", None),
        ("푸틴*", "ko", "푸틴이 푸틴 대통령", ["푸틴이", "푸틴"]),
        ("EU", "ko", "EU가", ["EU"]),
        ("2024", "ko", "2024년", ["2024"]),
        # Arabic, Persian, Hebrew
        ("بوتين", "ar", "وبوتين", None),
        ("*بوتين", "ar", "وبوتين", ["وبوتين"]),
        ("بوتين", "ar", "الرئيس بُوتِين", ["بُوتِين"]),
        ("إيران", "ar", "ايران", ["ايران"]),
        ("علي", "ar", "على", None),
        ("ایران", "ar", "إيران", ["إيران"]),
        ("تحریم", "fa", "تحریم‌های تازه", ["تحریم"]),
        ("פוטין", "he", "פּוּטִין אמר", ["פּוּטִין"]),
        # Hindi, Thai, Lao, Khmer, Burmese
        ("पुतिन", "hi", "राष्ट्रपति पुतिन ने", ["पुतिन"]),
        ("पत", "hi", "पुतिन", None),
        ("ปูติน", "th", "ประธานาธิบดีปูตินเยือนจีน", ["ปูติน"]),
        ("ท่อ", "th", "วางท่อก๊าซ", ["ท่อ"]),
        ("กา", "th", "เกาะ", None),
        ("ປູຕິນ", "lo", "ທ່ານປູຕິນມາ", ["ປູຕິນ"]),
        ("ពូទីន", "km", "លោកពូទីនមក", ["ពូទីន"]),
        ("ပူတင်", "my", "သမ္မတပူတင်က", ["ပူတင်"]),
        # Vietnamese
        ("khí", "vi", "khi nào có khí", ["khí"]),
        ("khi", "vi", "khi nào có khí", ["khi", "khí"]),
        ("~khí", "vi", "khi nào có khí", ["khí"]),
        ("khí*", "vi", "khíx khix", ["khíx"]),
        ("khí", "en", "khi", ["khi"]),
        ("đông", "vi", "dong, Đông", ["Đông"]),
        ('"Tập Cận Bình"', "vi-VN", "Tap Can Binh, Tập Cận Bình", ["Tập Cận Bình"]),
        # Greek, Turkish, Swahili
        ("Πούτιν", "el", "ο ΠΟΥΤΙΝ", ["ΠΟΥΤΙΝ"]),
        ("istanbul", "tr", "İstanbul", ["İstanbul"]),
        ("ırak", "tr", "Irak", ["Irak"]),
        ("mafuta", "sw", "bei ya mafuta", ["mafuta"]),
        ("２０２４", "", "٢٠٢٤", ["٢٠٢٤"]),
    ],
)
def test_a_term_finds_in_this_language(
    term: str, lang: str, text: str, expected: list[str] | None
) -> None:
    assert found(term, text, lang) == expected
