/** Every code of the closed list in people's words: what happened, in both languages. The server's own words follow. */

import type { Language } from "./words";

type Title = Record<Language, string>;

const title = (en: string, zh: string): Title => ({ en, zh });

export const PROBLEMS: Record<string, Title> = {
  upstream_unreachable: title("Nothing answers at the model's address", "模型的地址无人应答"),
  upstream_connect_timeout: title("Connecting to the model took too long", "连接模型超时"),
  upstream_first_byte_timeout: title("The model did not begin in time", "模型未能及时开始回答"),
  upstream_idle_timeout: title("The model fell silent", "模型中途没有了声音"),
  upstream_total_timeout: title("The answer took too long", "回答用时过长"),
  upstream_dns: title("The model's address is not known", "找不到模型的地址"),
  upstream_tls: title("The connection to the model is not secure", "与模型的安全连接失败"),
  upstream_auth: title("The provider refuses the key", "服务商拒绝了密钥"),
  upstream_bad_request: title("The provider refuses the request", "服务商拒绝了请求"),
  upstream_not_found: title("The provider does not know this model", "服务商没有这个模型"),
  upstream_conflict: title("The provider is in conflict with itself", "服务商报告冲突"),
  upstream_timeout: title("The provider gave up waiting", "服务商等待超时"),
  upstream_rate_limited: title("Too many requests for this key", "请求过于频繁"),
  upstream_quota: title("The key's quota is used up", "额度已用完"),
  upstream_overloaded: title("The provider is overloaded", "服务商过载"),
  upstream_unavailable: title("The provider is out of order", "服务商暂不可用"),
  upstream_error: title("The provider broke off with an error", "服务商中途报错"),
  upstream_protocol: title("The provider's answer makes no sense", "服务商的回答格式错误"),
  upstream_decode: title("The provider's answer cannot be unpacked", "服务商的回答无法解压"),
  upstream_truncated: title("The answer broke off", "回答中断"),
  upstream_reset: title("The provider broke the connection", "服务商断开了连接"),
  upstream_empty: title("The provider answered nothing", "服务商什么也没有回答"),
  upstream_not_a_stream: title("A web page came instead of an answer", "收到的是网页而不是回答"),
  upstream_redirect_refused: title("The address leads elsewhere", "该地址跳转到了别处"),
  upstream_limit: title("The answer went over a limit", "回答超出限制"),
  egress_refused: title("This address is not allowed", "该地址不被允许"),
  producer_lost: title("The server lost the answer's worker", "服务器丢失了正在回答的进程"),
  server_shutdown: title("The server was stopped", "服务器已停止"),
  internal: title("Something went wrong in Headrace", "Headrace 内部出错"),
  stream_not_found: title("This answer is no longer kept", "该回答已不再保存"),
  cursor_expired: title("Part of this answer is no longer kept", "该回答的一部分已不再保存"),
  gave_up: title("The connection did not come back", "连接未能恢复"),
  unreachable: title("The Headrace server does not answer", "Headrace 服务器没有应答"),
  not_started: title("The page was left before the answer had begun", "回答开始之前页面就关闭了"),
  too_many_streams: title("The server is busy", "服务器繁忙"),
  draining: title("The server is about to restart", "服务器即将重启"),
};

const OTHER = title("This did not work", "没有成功");

export function problemTitle(code: string, language: Language): string {
  return (PROBLEMS[code] ?? OTHER)[language];
}
