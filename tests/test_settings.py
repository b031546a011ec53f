"""The environment in, one frozen value or every problem out."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datagen.domain.chat import Limits
from datagen.domain.errors import SettingsError
from datagen.environment import VARIABLES, expand, parse_peers
from datagen.settings import Settings, load

ROOT = Path(__file__).parents[1]
NODE = {
    "R1EN_HOST_ADDR": "0xai_A",
    "EE_CHAINSTORE_API_URL": "http://127.0.0.1:31234",
    "EE_R1FS_API_URL": "http://127.0.0.1:31235",
    "DATAGEN_SESSION_SECRET": "s" * 32,
    "R1EN_CSTORE_AUTH_SECRET": "pepper",
}


def read(environ: Mapping[str, str] | None = None) -> Settings:
    return load(environ or {}, in_container=False)


def problems(environ: Mapping[str, str], *, in_container: bool = False) -> tuple[str, ...]:
    with pytest.raises(SettingsError) as caught:
        load(environ, in_container=in_container)
    return caught.value.problems


class TestExpansion:
    @pytest.mark.parametrize(("text", "expected"), [
        ("$OTHER", "o"), ("${OTHER}", "o"), ("a${OTHER}b", "aob"), ("$OTHER$OTHER", "oo"),
        ("$$", "$"), ("$$OTHER", "$OTHER"), ("$$$OTHER", "$o"), ("$${OTHER}", "${OTHER}"),
        ("$NOT_SET.", "."), ("${NOT_SET}", ""), ("cost: 5$", "cost: 5$"), ("$1", "$1"),
        ("${unclosed", "${unclosed"), ("$CHAIN", "<o>"), ("plain", "plain"),
    ])
    def test_references_are_replaced_and_two_dollars_are_one(
        self, text: str, expected: str
    ) -> None:
        environ = {"DATAGEN_INFERENCE_MODEL": text, "OTHER": "o", "CHAIN": "<${OTHER}>"}
        assert expand(environ) == ({"DATAGEN_INFERENCE_MODEL": expected}, [])

    def test_a_dollar_that_came_from_two_is_not_expanded_again(self) -> None:
        environ = {"DATAGEN_INFERENCE_MODEL": "$A", "A": "$$B", "B": "no"}
        assert expand(environ)[0] == {"DATAGEN_INFERENCE_MODEL": "$B"}

    def test_a_variable_used_twice_is_no_cycle(self) -> None:
        environ = {"DATAGEN_INFERENCE_MODEL": "$A$B", "A": "$C", "B": "$C", "C": "c"}
        assert expand(environ) == ({"DATAGEN_INFERENCE_MODEL": "cc"}, [])

    @pytest.mark.parametrize(("environ", "sentence"), [
        ({"DATAGEN_SMTP_HOST": "$DATAGEN_SMTP_HOST"},
         "DATAGEN_SMTP_HOST refers to itself: DATAGEN_SMTP_HOST -> DATAGEN_SMTP_HOST."),
        ({"DATAGEN_SMTP_HOST": "$B", "B": "$C", "C": "${B}"}, "B refers to itself: B -> C -> B."),
        ({"DATAGEN_SMTP_USER": "$DATAGEN_SMTP_FROM", "DATAGEN_SMTP_FROM": "$DATAGEN_SMTP_USER"},
         "DATAGEN_SMTP_FROM refers to itself: "
         "DATAGEN_SMTP_FROM -> DATAGEN_SMTP_USER -> DATAGEN_SMTP_FROM."),
    ])
    def test_each_cycle_is_one_problem_that_shows_the_way_round(
        self, environ: dict[str, str], sentence: str
    ) -> None:
        assert problems(environ) == (sentence,)

    def test_what_is_not_ours_may_refer_to_itself(self) -> None:
        assert read({"PS1": "$PS1", "PATH": "$PATH:/bin"}) == read()

    @given(st.text(st.characters(codec="utf-8")))
    def test_any_text_survives_when_its_dollars_are_doubled(self, text: str) -> None:
        environ = {"DATAGEN_SMTP_PASS": text.replace("$", "$$"), "a": "wrong", "A": "wrong"}
        assert expand(environ) == ({"DATAGEN_SMTP_PASS": text}, [])


class TestLocalMode:
    def test_nothing_configured_is_one_machine_with_its_own_store_and_model(self) -> None:
        settings = read()
        assert settings.local
        assert settings.own_model
        assert not settings.mock_store
        assert not settings.mock_model
        assert (settings.app_host, settings.app_port) == ("127.0.0.1", 8501)
        assert (settings.peers, settings.peer_id) == (("local",), "local")
        assert settings.data_dir == Path.cwd() / ".datagen"
        assert settings.cache_dir == settings.data_dir / "cache"
        assert (settings.active_poll_seconds, settings.idle_poll_seconds) == (1, 10)
        assert settings.session_secret is settings.auth_pepper is None
        assert settings.bootstrap_admin_password is None
        assert settings.endpoint.base_url == "http://127.0.0.1:8502"
        assert settings.endpoint.dialect == "openai"
        assert (settings.max_records_per_job, settings.max_in_flight, settings.attempts) == (
            200, 64, 1)
        assert settings.max_concurrent_jobs == 4
        assert settings.endpoint.limits == Limits()
        assert not settings.endpoint.polled
        assert settings.warnings == ()

    def test_folders_follow_the_data_folder(self, tmp_path: Path) -> None:
        settings = read({"DATAGEN_DATA_DIR": str(tmp_path)})
        assert (settings.data_dir, settings.cache_dir) == (tmp_path, tmp_path / "cache")

    def test_a_container_listens_for_its_host(self) -> None:
        assert load({}, in_container=True).app_host == "0.0.0.0"
        assert load({"DATAGEN_APP_HOST": "::1"}, in_container=True).app_host == "::1"

    def test_web_and_model_cannot_share_a_port(self) -> None:
        assert problems({"DATAGEN_APP_PORT": "8502"}) == (
            "DATAGEN_APP_PORT and DATAGEN_MODEL_PORT must differ.",)

    def test_the_defaults_that_are_documented_are_the_defaults(self) -> None:
        written = {v.name: v.default for v in VARIABLES
                   if v.default and " " not in v.default}
        assert len(written) >= 19
        assert read(written) == read()

    def test_blank_counts_as_not_set(self) -> None:
        assert read({v.name: " " for v in VARIABLES}) == read()


class TestMockStore:
    def test_it_is_local_thrown_away_and_never_in_the_real_folders(self, tmp_path: Path) -> None:
        settings = read(NODE | {
            "DATAGEN_MOCK_CSTORE": "1", "DATAGEN_DATA_DIR": str(tmp_path),
            "DATAGEN_LOCAL_CACHE_DIR": str(tmp_path / "cache"),
        })
        assert settings.local
        assert settings.mock_store
        assert settings.cstore_url is settings.r1fs_url is None
        assert tmp_path not in (settings.data_dir, *settings.data_dir.parents)
        assert settings.data_dir in settings.cache_dir.parents

    @pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.7", "::", "example.org"])
    def test_it_refuses_to_listen_beyond_loopback(self, host: str) -> None:
        found = problems({"DATAGEN_MOCK_CSTORE": "1", "DATAGEN_APP_HOST": host})
        assert len(found) == 1
        assert "loopback only" in found[0]

    @pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost"])
    def test_it_listens_on_loopback(self, host: str) -> None:
        assert read({"DATAGEN_MOCK_CSTORE": "1", "DATAGEN_APP_HOST": host}).app_host == host

    def test_in_a_container_it_stays_on_loopback(self) -> None:
        assert load({"DATAGEN_MOCK_CSTORE": "1"}, in_container=True).app_host == "127.0.0.1"


class TestNode:
    def test_a_complete_node_has_the_slower_defaults(self) -> None:
        settings = read(NODE)
        assert not settings.local
        assert settings.cstore_url == "http://127.0.0.1:31234"
        assert settings.r1fs_url == "http://127.0.0.1:31235"
        assert settings.cache_dir == Path("/_local_cache/datagen")
        assert (settings.active_poll_seconds, settings.idle_poll_seconds) == (10, 30)

    def test_everything_a_node_needs_is_asked_for_at_once(self) -> None:
        assert problems({"EE_R1FS_API_HOST": "r1fs", "EE_R1FS_API_PORT": "31235"}) == (
            "EE_CHAINSTORE_API_URL must be set when the store is a Ratio1 node.",
            "DATAGEN_SESSION_SECRET must be set when the store is a Ratio1 node.",
            "R1EN_CSTORE_AUTH_SECRET must be set when the store is a Ratio1 node.",
            "R1EN_HOST_ADDR must name this peer when the store is a Ratio1 node.",
        )

    def test_an_address_that_is_wrong_is_not_also_missing(self) -> None:
        found = problems(NODE | {"EE_CHAINSTORE_API_URL": "not an address"})
        assert len(found) == 1
        assert found[0].startswith("EE_CHAINSTORE_API_URL must be an address")


class TestAddresses:
    @pytest.mark.parametrize(("environ", "expected"), [
        ({"EE_CHAINSTORE_API_HOST": "a", "EE_CHAINSTORE_API_PORT": "1"}, "http://a:1"),
        ({"EE_CHAINSTORE_API_HOST": "https://a", "EE_CHAINSTORE_API_PORT": "1"}, "https://a:1"),
        ({"EE_CHAINSTORE_API_HOST": "http://a:2/", "EE_CHAINSTORE_API_PORT": "1"}, "http://a:2"),
        ({"EE_CHAINSTORE_API_HOST": "a:2", "EE_CHAINSTORE_API_PORT": "1"}, "http://a:2"),
        ({"EE_CHAINSTORE_API_HOST": "a:2"}, "http://a:2"),
        ({"EE_CHAINSTORE_API_HOST": "::1", "EE_CHAINSTORE_API_PORT": "1"}, "http://[::1]:1"),
        ({"EE_CHAINSTORE_API_HOST": "[::1]", "EE_CHAINSTORE_API_PORT": "1"}, "http://[::1]:1"),
        ({"EE_CHAINSTORE_API_HOST": "a"}, "http://a"),
        ({"EE_CHAINSTORE_API_HOST": "a", "EE_CHAINSTORE_API_URL": "http://u"}, "http://u"),
        ({"EE_CHAINSTORE_API_HOST": "a", "EE_CHAINSTORE_API_PORT": "1",
          "EE_CHAINSTORE_API_URL": "http://u"}, "http://a:1"),
        ({"CSTORE_API_HOST": "c", "CSTORE_API_PORT": "3",
          "EE_CHAINSTORE_API_URL": "http://u"}, "http://c:3"),
        ({"EE_CHAINSTORE_API_HOST": "a", "CSTORE_API_HOST": "c", "CSTORE_API_PORT": "3"},
         "http://c:3"),
        ({"EE_CHAINSTORE_API_HOST": "a", "EE_CHAINSTORE_API_PORT": "1",
          "CSTORE_API_HOST": "c", "CSTORE_API_PORT": "3"}, "http://a:1"),
        ({"EE_CHAINSTORE_API_URL": "http://u/", "R1EN_CHAINSTORE_API_URL": "http://r"},
         "http://u"),
        ({"R1EN_CHAINSTORE_API_URL": "http://r"}, "http://r"),
        ({"EE_CHAINSTORE_API_URL": "$R1", "R1": "http://r:9"}, "http://r:9"),
    ])
    def test_host_and_port_win_over_the_url_and_ours_over_the_fallbacks(
        self, environ: dict[str, str], expected: str
    ) -> None:
        rest = {name: value for name, value in NODE.items() if "CHAINSTORE" not in name}
        assert read(rest | environ).cstore_url == expected

    @pytest.mark.parametrize("url", [
        "ftp://a", "http://", "a:b", "http://a:99999", "http://a:0", "http://a b", "//a",
        "http://user:secret@a", "http://a?key=secret", "http://a#x", "http://[::1", "http://a\\b",
    ])
    def test_what_is_no_base_address_is_a_problem_that_never_repeats_it(self, url: str) -> None:
        found = problems({"DATAGEN_INFERENCE_BASE_URL": url})
        assert len(found) == 1
        assert found[0].startswith("DATAGEN_INFERENCE_BASE_URL must be an address")
        assert "secret" not in found[0]

    @pytest.mark.parametrize("port", ["x", "-1", "8 0", "123456", "1.5"])
    def test_a_wrong_port_is_named_as_such(self, port: str) -> None:
        found = problems({"DATAGEN_INFERENCE_HOST": "h", "DATAGEN_INFERENCE_PORT": port})
        assert found == ("DATAGEN_INFERENCE_PORT must be a whole number from 1 to 65535.",)

    def test_host_and_port_of_the_model_win_over_its_base_url(self) -> None:
        settings = read({"DATAGEN_INFERENCE_HOST": "h", "DATAGEN_INFERENCE_PORT": "5",
                         "DATAGEN_INFERENCE_BASE_URL": "http://u/v1"})
        assert settings.endpoint.base_url == "http://h:5"
        assert not settings.own_model

    @pytest.mark.parametrize(("environ", "path", "dialect"), [
        ({}, "/create_chat_completion", "ratio1"),
        ({"DATAGEN_INFERENCE_PATH": "/v1/chat/completions"}, "/v1/chat/completions", "openai"),
        ({"DATAGEN_INFERENCE_PATH": "/x/create_chat_completion/"},
         "/x/create_chat_completion/", "ratio1"),
        ({"DATAGEN_INFERENCE_DIALECT": "OpenAI"}, "/create_chat_completion", "openai"),
    ])
    def test_the_path_tells_the_dialect_unless_it_is_set(
        self, environ: dict[str, str], path: str, dialect: str
    ) -> None:
        endpoint = read({"DATAGEN_INFERENCE_BASE_URL": "http://m"} | environ).endpoint
        assert (endpoint.path, endpoint.dialect) == (path, dialect)


class TestPeers:
    @pytest.mark.parametrize("text", [
        '["0xai_A", "0xai_B"]', "0xai_A,0xai_B", " 0xai_A , 0xai_B, ", '"0xai_A,0xai_B"',
        "'0xai_A,0xai_B'", "'[\"0xai_A\",\"0xai_B\"]'", '"0xai_A","0xai_B"', "'0xai_A','0xai_B'",
        '"[\\"0xai_A\\",\\"0xai_B\\"]"', '["0xai_A", "0xai_B", "0xai_A", " "]',
    ])
    def test_json_csv_and_quoted_lists_read_alike(self, text: str) -> None:
        assert parse_peers(text) == ("0xai_A", "0xai_B")

    @pytest.mark.parametrize("text", ["[]", '"[]"', "''", ",", '[""]'])
    def test_an_empty_list_is_this_peer_alone(self, text: str) -> None:
        settings = read({"R1EN_CHAINSTORE_PEERS": text, "R1EN_HOST_ADDR": "0xai_A"})
        assert settings.peers == ("0xai_A",)

    @pytest.mark.parametrize("text", ['["a", 1]', "[a, b]", '{"a": 1}', '["a"', "[" * 50_000])
    def test_anything_else_is_a_problem(self, text: str) -> None:
        assert problems({"R1EN_CHAINSTORE_PEERS": text, "R1EN_HOST_ADDR": "a"}) == (
            'R1EN_CHAINSTORE_PEERS must be a JSON list such as ["0xai_A", "0xai_B"].',)

    def test_this_peer_must_be_in_the_list(self) -> None:
        assert problems({"R1EN_CHAINSTORE_PEERS": "a,b", "R1EN_HOST_ADDR": "c"}) == (
            "R1EN_HOST_ADDR (c) is not in R1EN_CHAINSTORE_PEERS.",)
        assert problems({"R1EN_CHAINSTORE_PEERS": "a,b"}) == (
            "R1EN_HOST_ADDR must name this peer, one of R1EN_CHAINSTORE_PEERS.",)

    @pytest.mark.parametrize("peers", [
        ["a", "../x"], ["a", "x y"], ["a", "b" * 129], ["a", *(f"p{n}" for n in range(1_000))],
    ])
    def test_what_no_peer_could_be_is_told(self, peers: list[str]) -> None:
        (told,) = problems({"R1EN_CHAINSTORE_PEERS": json.dumps(peers), "R1EN_HOST_ADDR": "a"})
        assert told.startswith("R1EN_CHAINSTORE_PEERS may list up to 1,000 ids")

    @pytest.mark.parametrize("peer", ["../x", "a/b", "a b", ".", "..", "x" * 129])
    def test_an_id_that_could_name_another_folder_is_refused(self, peer: str) -> None:
        assert "may hold letters" in problems({"R1EN_HOST_ADDR": peer})[0]

    @given(st.lists(st.from_regex(r"[A-Za-z_][A-Za-z0-9_-]{0,20}", fullmatch=True),
                    min_size=1, unique=True))
    def test_both_spellings_of_a_list_give_the_same_peers(self, peers: list[str]) -> None:
        if peers[0] not in {"null", "true", "false", "NaN", "Infinity"}:
            assert parse_peers(json.dumps(peers)) == parse_peers(",".join(peers)) == tuple(peers)


class TestNames:
    def test_an_alias_counts_where_the_name_is_not_set(self) -> None:
        assert read({"NEXT_PUBLIC_SHOW_FAILURES": "1"}).show_failures
        assert read({"NEXT_PUBLIC_DATAGEN_ACTIVE_POLL_SECONDS": "7"}).active_poll_seconds == 7
        assert read({"NEXT_PUBLIC_DATAGEN_IDLE_POLL_SECONDS": "8"}).idle_poll_seconds == 8
        preset = read({"NEXT_PUBLIC_DATAGEN_UI_TEST_PRESET": '{"title": "t"}'}).ui_preset
        assert preset == {"title": "t"}
        assert read({"EE_CSTORE_AUTH_HKEY": "old"}).auth_hkey == "old"
        assert read({"EE_CSTORE_AUTH_SECRET": "old"}).auth_pepper == "old"

    def test_a_name_wins_over_its_aliases(self) -> None:
        environ = {"DATAGEN_SHOW_FAILURES": "0", "NEXT_PUBLIC_SHOW_FAILURES": "1",
                   "R1EN_CSTORE_AUTH_HKEY": "new", "EE_CSTORE_AUTH_HKEY": "old"}
        settings = read(environ)
        assert not settings.show_failures
        assert settings.auth_hkey == "new"

    @pytest.mark.parametrize("name", [
        "R1EN_CSTORE_AUTH_BOOTSTRAP_ADMIN_PWD", "R1EN_CSTORE_AUTH_BOOTSTRAP_ADMIN_PW",
        "EE_CSTORE_AUTH_BOOTSTRAP_ADMIN_PWD", "EE_CSTORE_AUTH_BOOTSTRAP_ADMIN_PW",
    ])
    def test_every_spelling_of_the_first_password_counts_with_its_spaces(self, name: str) -> None:
        assert read({name: " pass word "}).bootstrap_admin_password == " pass word "

    def test_no_name_is_listed_twice(self) -> None:
        names = [name for v in VARIABLES for name in (v.name, *v.aliases)]
        assert len(names) == len(set(names))


class TestValues:
    @pytest.mark.parametrize("text", ["1", "true", "TRUE", "Yes", " on "])
    def test_what_means_yes(self, text: str) -> None:
        assert read({"RETRY_INFERENCE_ON_FAILURE": text}).attempts == 2

    @pytest.mark.parametrize("text", ["", "0", "false", "No", "off"])
    def test_what_means_no(self, text: str) -> None:
        assert read({"RETRY_INFERENCE_ON_FAILURE": text}).attempts == 1

    @pytest.mark.parametrize("text", ["x", "nan", "inf", "-inf", "0", "-1", "1e999", "200000000"])
    def test_a_number_out_of_its_bounds_is_a_problem(self, text: str) -> None:
        found = problems({"DATAGEN_MAX_RECORDS_PER_JOB": text})
        assert found == ("DATAGEN_MAX_RECORDS_PER_JOB must be a number from 1 to 1e+07.",)

    def test_a_count_must_be_whole(self) -> None:
        assert problems({"DATAGEN_MAX_IN_FLIGHT": "1.5"}) == (
            "DATAGEN_MAX_IN_FLIGHT must be a whole number.",)

    def test_seconds_may_be_fractions(self) -> None:
        assert read({"DATAGEN_JOB_POLL_SECONDS": "0.25"}).job_poll_seconds == 0.25

    def test_all_problems_are_told_at_once(self) -> None:
        found = problems({
            "DATAGEN_APP_PORT": "0", "DATAGEN_MAX_IN_FLIGHT": "many",
            "DATAGEN_MOCK_CSTORE": "maybe",
            "DATAGEN_INFERENCE_BASE_URL": "nowhere", "DATAGEN_INFERENCE_PATH": "no-slash",
            "DATAGEN_INFERENCE_DIALECT": "latin", "R1EN_CHAINSTORE_PEERS": "[1]",
            "R1EN_HOST_ADDR": "a/b", "DATAGEN_UI_TEST_PRESET": "[]",
            "DATAGEN_TRUSTED_PROXIES": "10.0.0.0/99", "DATAGEN_APP_HOST": "http://0.0.0.0",
            "EE_R1FS_API_URL": "http://r", "DATAGEN_SMTP_FROM": "$DATAGEN_SMTP_FROM",
        })
        for name in ("DATAGEN_APP_PORT", "DATAGEN_MAX_IN_FLIGHT", "DATAGEN_MOCK_CSTORE",
                     "DATAGEN_INFERENCE_BASE_URL", "DATAGEN_INFERENCE_PATH",
                     "DATAGEN_INFERENCE_DIALECT", "R1EN_CHAINSTORE_PEERS", "R1EN_HOST_ADDR",
                     "DATAGEN_UI_TEST_PRESET", "DATAGEN_TRUSTED_PROXIES", "DATAGEN_APP_HOST",
                     "EE_CHAINSTORE_API_URL", "DATAGEN_SESSION_SECRET", "R1EN_CSTORE_AUTH_SECRET",
                     "DATAGEN_SMTP_FROM"):
            assert [name in sentence for sentence in found].count(True) == 1, name

    def test_proxies_are_addresses_or_networks(self) -> None:
        settings = read({"DATAGEN_TRUSTED_PROXIES": "10.1.2.3/8, 127.0.0.1, ::1"})
        assert list(map(str, settings.trusted_proxies)) == ["10.0.0.0/8", "127.0.0.1/32", "::1/128"]


class TestSecrets:
    def test_a_short_session_secret_is_warned_about_and_works(self) -> None:
        settings = read({"DATAGEN_SESSION_SECRET": "ü" * 15})
        assert settings.session_secret == "ü" * 15
        assert settings.warnings == (
            "DATAGEN_SESSION_SECRET is shorter than 32 bytes: use a longer one.",)
        assert read({"DATAGEN_SESSION_SECRET": "ü" * 16}).warnings == ()

    def test_repr_never_shows_a_secret(self) -> None:
        secret = {v.name: f"hidden-{n}" for n, v in enumerate(VARIABLES) if v.secret}
        assert len(secret) == 7
        settings = read(secret)
        assert settings.smtp.password is not None
        assert "hidden" not in repr(settings)
        assert "hidden" not in str(settings.warnings)

    def test_no_problem_shows_a_secret(self) -> None:
        secret = {v.name: "hidden $DATAGEN_SMTP_PASS" for v in VARIABLES if v.secret}
        found = problems(secret | {"DATAGEN_APP_PORT": "x"})
        assert "hidden" not in str(found)


class TestReadme:
    def rows(self) -> dict[str, str]:
        """Every table row of the README that begins with a variable's name, by that name."""
        text = (ROOT / "README.md").read_text(encoding="utf-8")
        found = re.findall(r"^\| *`([A-Z][A-Z0-9_]{3,})`(.*)$", text, re.MULTILINE)
        assert len({name for name, _ in found}) == len(found), "a variable has two rows"
        return dict(found)

    def test_the_readme_table_names_every_variable(self) -> None:
        assert set(self.rows()) == {v.name for v in VARIABLES}

    def test_each_row_tells_the_default_and_the_other_names(self) -> None:
        rows = self.rows()
        for variable in VARIABLES:
            row = rows[variable.name].replace("`", "")
            for part in (variable.default, *variable.aliases):
                assert part in row, f"{variable.name}: {part} is missing"
