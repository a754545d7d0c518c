/** What the provider, or the way to it, can do wrong: the closed list of codes (docs/protocol.md), in people's words. */

import type { Said } from "../problems";

export const UPSTREAM: Record<string, Said> = {
  upstream_unreachable: {
    en: ["Nothing answers at the model's address", "No connection could be opened there. Perhaps the model's server does not run, or the port is another."],
    zh: ["模型的地址无人应答", "无法在那里建立连接。也许模型服务没有运行，或者端口不对。"],
    action: "model",
  },
  upstream_connect_timeout: {
    en: ["Connecting to the model took too long", "The address did not take a connection in time. A firewall may swallow it, or the server is far too busy."],
    zh: ["连接模型超时", "该地址未能及时接受连接。可能被防火墙拦截，或服务器过于繁忙。"],
    action: "retry",
  },
  upstream_first_byte_timeout: {
    en: ["The model did not begin in time", "The provider took the question and sent nothing back. A large model that is just being loaded does this."],
    zh: ["模型未能及时开始回答", "服务商收到了问题，却没有返回任何内容。大模型正在加载时会这样。"],
    action: "retry",
  },
  upstream_idle_timeout: {
    en: ["The model fell silent", "The answer began and then nothing more came for too long. What had arrived is kept."],
    zh: ["模型中途没有了声音", "回答开始之后，长时间没有新的内容。已收到的部分已保留。"],
    action: "retry",
  },
  upstream_total_timeout: {
    en: ["The answer took too long", "It was not complete within the longest time that an answer may take. What had arrived is kept."],
    zh: ["回答用时过长", "在允许的最长时间内没有完成。已收到的部分已保留。"],
    action: "settings",
  },
  upstream_dns: {
    en: ["The model's address is not known", "No server has this name. Look for a typing error in the address, or whether this machine is online."],
    zh: ["找不到模型的地址", "没有服务器使用这个名字。请检查地址是否写错，或本机是否联网。"],
    action: "model",
  },
  upstream_tls: {
    en: ["The connection to the model is not secure", "The server's certificate is not trusted, or it does not speak https there."],
    zh: ["与模型的安全连接失败", "服务器的证书不受信任，或者那里不使用 https。"],
    action: "model",
  },
  upstream_auth: {
    en: ["The provider refuses the key", "The key is missing, wrong, expired, or may not use this model."],
    zh: ["服务商拒绝了密钥", "密钥缺失、错误、已过期，或无权使用该模型。"],
    action: "key",
  },
  upstream_bad_request: {
    en: ["The provider refuses the request", "Something in the question or the settings is not what this model takes. Its own words say what."],
    zh: ["服务商拒绝了请求", "问题或设置中有该模型不接受的内容，详见它的原话。"],
    action: "settings",
  },
  upstream_not_found: {
    en: ["The provider does not know this model", "The model's name or the end of the address is another one there."],
    zh: ["服务商没有这个模型", "模型名或地址的结尾与那里的不同。"],
    action: "model",
  },
  upstream_conflict: {
    en: ["The provider is in conflict with itself", "It reports a conflict (409), which mostly passes."],
    zh: ["服务商报告冲突", "对方返回冲突（409），通常稍后即可恢复。"],
    action: "retry",
  },
  upstream_timeout: {
    en: ["The provider gave up waiting", "It ended the question by a time-out of its own (408)."],
    zh: ["服务商等待超时", "对方因自己的超时（408）结束了请求。"],
    action: "retry",
  },
  upstream_rate_limited: {
    en: ["Too many requests for this key", "The provider asks for a pause. Waiting mends it."],
    zh: ["请求过于频繁", "服务商要求稍等。等待后即可恢复。"],
    action: "later",
  },
  upstream_quota: {
    en: ["The key's quota is used up", "Waiting does not mend this: the account at the provider needs credit, or another key."],
    zh: ["额度已用完", "等待无法解决：请为服务商账户充值，或换一个密钥。"],
    action: "key",
  },
  upstream_overloaded: {
    en: ["The provider is overloaded", "It has more to do than it can. It passes by itself."],
    zh: ["服务商过载", "对方负载过高，通常会自行恢复。"],
    action: "later",
  },
  upstream_unavailable: {
    en: ["The provider is out of order", "It reports a failure of its own (5xx). It mostly passes by itself."],
    zh: ["服务商暂不可用", "对方报告自身故障（5xx），通常会自行恢复。"],
    action: "later",
  },
  upstream_error: {
    en: ["The provider broke off with an error", "It reported an error in the middle of its answer. What had arrived is kept."],
    zh: ["服务商中途报错", "对方在回答途中报告了错误。已收到的部分已保留。"],
    action: "retry",
  },
  upstream_protocol: {
    en: ["The provider's answer makes no sense", "It is not in the form that this kind of provider sends. Perhaps another provider is meant at this address."],
    zh: ["服务商的回答格式错误", "内容不符合该类服务商的格式。也许该地址属于另一种服务商。"],
    action: "model",
  },
  upstream_decode: {
    en: ["The provider's answer cannot be unpacked", "It came compressed, and the compressed data is damaged."],
    zh: ["服务商的回答无法解压", "回答经过压缩，而压缩数据已损坏。"],
    action: "retry",
  },
  upstream_truncated: {
    en: ["The answer broke off", "The provider closed the stream before its answer was complete. What had arrived is kept."],
    zh: ["回答中断", "服务商在回答完成之前关闭了数据流。已收到的部分已保留。"],
    action: "retry",
  },
  upstream_reset: {
    en: ["The provider broke the connection", "The connection was cut in the middle of the answer. What had arrived is kept."],
    zh: ["服务商断开了连接", "连接在回答途中被切断。已收到的部分已保留。"],
    action: "retry",
  },
  upstream_empty: {
    en: ["The provider answered nothing", "It said that all is well and sent no answer."],
    zh: ["服务商什么也没有回答", "对方表示成功，却没有返回内容。"],
    action: "retry",
  },
  upstream_not_a_stream: {
    en: ["Something else than an answer came", "A login form, a proxy's error page or another service stands at this address. Its end is often /v1."],
    zh: ["收到的不是回答", "该地址是登录页、代理的错误页或其他服务。地址通常以 /v1 结尾。"],
    action: "model",
  },
  upstream_redirect_refused: {
    en: ["The address leads elsewhere", "The server redirects to another address. Redirects are not followed, so that a key goes nowhere else: enter the final address."],
    zh: ["该地址跳转到了别处", "服务器要求跳转。为防止密钥外泄，不跟随跳转：请填写最终地址。"],
    action: "model",
  },
  upstream_limit: {
    en: ["The answer went over a limit", "It is longer than this server accepts. What had arrived is kept."],
    zh: ["回答超出限制", "超过了本服务器接受的长度。已收到的部分已保留。"],
    action: "settings",
  },
  egress_refused: {
    en: ["This address is not allowed", "This server asks public addresses over https only. Whoever runs it can allow this one."],
    zh: ["该地址不被允许", "本服务器只通过 https 访问公网地址。服务器的运行者可以放行该地址。"],
    action: "allow",
  },
  producer_lost: {
    en: ["The server lost the answer's worker", "The process that was fetching the answer has gone. What had arrived is kept."],
    zh: ["服务器丢失了正在回答的进程", "获取回答的进程已不在。已收到的部分已保留。"],
    action: "retry",
  },
  server_shutdown: {
    en: ["The server was stopped", "It was stopped or restarted in the middle of the answer. What had arrived is kept."],
    zh: ["服务器已停止", "服务器在回答途中停止或重启。已收到的部分已保留。"],
    action: "retry",
  },
  internal: {
    en: ["Something went wrong in Headrace", "This is a fault of ours. The server's log says what happened."],
    zh: ["Headrace 内部出错", "这是我们的错误。服务器日志中有详细信息。"],
    action: "retry",
  },
};
