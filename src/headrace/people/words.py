"""The words of the page on which people sign in, in two languages with the same keys."""

from __future__ import annotations

from django.utils.translation.trans_real import parse_accept_lang_header

ENGLISH = {
    "language": "en",
    "title": "Sign in to Headrace",
    "name": "Name",
    "password": "Password",
    "sign_in": "Sign in",
    "provider": "Sign in with your organisation",
    "create": "Create the account",
    "account": "I have an account",
    "session": "Continue as",
    "save": "Save the new password",
    "first_owner": "You become the owner of this server. Choose a name and a password of ten characters or more.",
    "invitation": "You are invited to the project",
    "reset": "Choose a new password for",
    "broken": "The server could not be reached.",
}
CHINESE = {
    "language": "zh",
    "title": "登录 Headrace",
    "name": "用户名",
    "password": "密码",
    "sign_in": "登录",
    "provider": "使用组织账号登录",
    "create": "创建账号",
    "account": "已有账号",
    "session": "继续使用",
    "save": "保存新密码",
    "first_owner": "你将成为此服务器的所有者。请选择用户名和至少十个字符的密码。",
    "invitation": "你被邀请加入项目",
    "reset": "设置新密码：",
    "broken": "无法连接服务器。",
}


def words_for(accepted: str) -> dict[str, str]:
    """The words for a browser that asks for these languages."""
    names = (name.partition("-")[0] for name, weight in parse_accept_lang_header(accepted) if weight > 0)
    return CHINESE if next((name for name in names if name in ("zh", "en")), "en") == "zh" else ENGLISH
