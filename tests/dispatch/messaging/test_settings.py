"""`[messages]`: what may be said there, and what is said about mistakes."""

from pathlib import Path

import pytest
from running_service import write_grid_town

from dispatch.config import ConfigError, load_town
from dispatch.messaging.policy import Policy
from dispatch.messaging.settings import (
    MessageSettings,
    MessagesSecretError,
    SmsSettings,
    check_secrets,
)

EMAIL = '[messages.email]\nhost = "smtp.example.org"\nsender = "Rufbus <r@example.org>"\n'
SMS = '[messages.sms]\nurl = "https://sms.example.org/"\njson = {to = "{to}", text = "{text}"}\n'


def town_with(folder: Path, text: str) -> MessageSettings:
    path = write_grid_town(folder) / "service.toml"
    path.write_text(f"{path.read_text('utf-8')}\n{text}", encoding="utf-8")
    return load_town(folder).messages


def test_nothing_has_to_be_said(tmp_path: Path) -> None:
    settings = town_with(tmp_path, "")
    assert settings == MessageSettings()
    assert settings.policy == Policy(3600, 300, 180)
    check_secrets(settings, {})


def test_everything_can_be_said(tmp_path: Path) -> None:
    settings = town_with(
        tmp_path,
        "[messages]\nreminder_min = 90\ncoming_min = 8\nmoved_min = 4\n"
        'url = "https://rufbus.example.org/"\nphone = "02521 29-0"\n'
        f'{EMAIL}username = "r"\nreply_to = "x@example.org"\ntimeout_s = 3\n'
        f'{SMS}headers = {{Authorization = "Bearer {{token}}"}}\n'
        '[messages.push]\ncontact = "mailto:a@example.org"\n',
    )
    assert settings.policy == Policy(5400, 480, 240)
    assert settings.url == "https://rufbus.example.org"
    assert settings.email is not None
    assert settings.email.port_in_use == 587
    assert settings.sms is not None
    assert settings.push is not None


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[messages]\nremindr_min = 9\n", "messages.remindr_min: unknown key; did you mean"),
        ("[messages]\nmoved_min = 0\n", "messages.moved_min"),
        ('[messages]\nurl = "rufbus.example.org"\n', "not an http(s) address"),
        ('[messages]\nphone = "1\\n2"\n', "one line"),
        (EMAIL + 'password = "x"\n', "set RUFBUS_SMTP_PASSWORD"),
        (SMS + 'token = "x"\n', "set RUFBUS_SMS_TOKEN"),
        (EMAIL.replace("r@example.org", "r at example"), "is not like"),
        (EMAIL.replace("Rufbus <", "Rufbus\\r\\nBcc: x <"), "one line"),
        (EMAIL + 'security = "tls"\n', "messages.email.security"),
        (EMAIL + 'security = "none"\nusername = "x"\n', "never sent unencrypted"),
        (EMAIL + "port = 0\n", "messages.email.port"),
        (EMAIL + "timeout_s = 0\n", "messages.email.timeout_s"),
        (EMAIL.replace('host = "smtp.example.org"\n', ""), "messages.email.host"),
        (SMS.replace("https", "http"), "use https"),
        (SMS.replace("{text}", "{txt}"), "unknown placeholder {txt}"),
        (SMS.replace('text = "{text}"', 'x = "y"'), "{text} is nowhere"),
        (SMS + 'form = {to = "{to}"}\n', "json or form"),
        (SMS + 'headers = {"X Y" = "z"}\n', "no name of a header"),
        (SMS + 'country_code = "49"\n', "messages.sms.country_code"),
        ('[messages.push]\ncontact = "me"\n', "messages.push.contact"),
        ("[messages.push]\n", "messages.push.contact"),
        ("[messages.fax]\n", "messages.fax: unknown key"),
    ],
)
def test_a_mistake_is_named(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        town_with(tmp_path, text)
    assert said in str(caught.value)


def test_a_secret_that_is_missing_is_named_before_anything_starts(tmp_path: Path) -> None:
    settings = town_with(tmp_path, EMAIL + 'username = "r"\n')
    with pytest.raises(MessagesSecretError, match="RUFBUS_SMTP_PASSWORD"):
        check_secrets(settings, {})
    check_secrets(settings, {"RUFBUS_SMTP_PASSWORD": "x"})
    sms = SmsSettings.model_validate(
        {"url": "https://g.example/?k={token}&to={to}&t={text}", "method": "GET"}
    )
    with pytest.raises(MessagesSecretError, match="RUFBUS_SMS_TOKEN"):
        check_secrets(MessageSettings(sms=sms), {})
