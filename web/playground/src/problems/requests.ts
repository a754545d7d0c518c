/** What the Headrace server can refuse, and what can happen to the way to it, in people's words. */

import type { Said } from "../problems";

export const REQUESTS: Record<string, Said> = {
  unreachable: {
    en: ["The Headrace server does not answer", "This page cannot reach its own server. Perhaps it was stopped, or this machine is offline."],
    zh: ["Headrace 服务器没有应答", "本页面无法连接自己的服务器。也许它已停止，或本机已断网。"],
    action: "retry",
  },
  gave_up: {
    en: ["The connection did not come back", "The line to the Headrace server broke, and no attempt to come back worked. What had arrived is kept."],
    zh: ["连接未能恢复", "与 Headrace 服务器的连接中断，多次尝试均未恢复。已收到的部分已保留。"],
    action: "retry",
  },
  not_started: {
    en: ["The page was left before the answer had begun", "Whether the question reached the server is not known."],
    zh: ["回答开始之前页面就关闭了", "无法得知问题是否到达了服务器。"],
    action: "retry",
  },
  not_a_stream: {
    en: ["Something else than Headrace answered", "A proxy or a login page stands between this page and its server."],
    zh: ["应答的不是 Headrace", "本页面与服务器之间有代理或登录页。"],
    action: "reload",
  },
  not_resumable: {
    en: ["The answer could not be taken up again", "The server gave no number to go on from. A proxy in between may take it away."],
    zh: ["无法接续该回答", "服务器没有给出续传所需的编号，可能被中间的代理去掉了。"],
    action: "retry",
  },
  bad_event: {
    en: ["The server's stream arrived damaged", "A proxy in between has changed it, or page and server are of different versions."],
    zh: ["服务器的数据流已损坏", "可能被中间的代理改动，或页面与服务器版本不同。"],
    action: "reload",
  },
  stream_not_found: {
    en: ["This answer is no longer kept", "The server keeps answers for a while, and this one has expired or ran in a process that has gone."],
    zh: ["该回答已不再保存", "服务器只保存一段时间，该回答已过期，或其进程已不在。"],
    action: "retry",
  },
  cursor_expired: {
    en: ["Part of this answer is no longer kept", "It was too long to be kept whole until this page came back."],
    zh: ["该回答的一部分已不再保存", "回答过长，未能完整保存到页面恢复之时。"],
    action: "retry",
  },
  cursor_beyond_end: {
    en: ["The server knows less of this answer than this page", "It was restarted, or a proxy has led to another server."],
    zh: ["服务器保存的回答比本页面少", "服务器曾重启，或代理指向了另一台服务器。"],
    action: "retry",
  },
  wire_not_kept: {
    en: ["The wire of this answer is not here", "It is kept in the process that asked, with the answer and as long as that."],
    zh: ["该回答的线路记录不在这里", "记录保存在提问的进程中，与回答一同过期。"],
    action: "retry",
  },
  too_many_streams: {
    en: ["The server is busy", "It runs as many answers as it may at once. One will end soon."],
    zh: ["服务器繁忙", "同时进行的回答已达上限，稍后会有空位。"],
    action: "later",
  },
  too_many_requests: {
    en: ["Too many questions in a short time", "The server limits how many one person may ask. Waiting mends it."],
    zh: ["短时间内问题过多", "服务器限制了每人的提问数量。稍等即可。"],
    action: "later",
  },
  draining: {
    en: ["The server is about to restart", "It takes no new questions until it is back."],
    zh: ["服务器即将重启", "恢复之前不接受新问题。"],
    action: "later",
  },
  starting: {
    en: ["This question is just being started", "It was sent twice, and the first is about to begin elsewhere."],
    zh: ["该问题正在启动", "问题发送了两次，第一次正在别处启动。"],
    action: "later",
  },
  journal_away: {
    en: ["The server's shared memory does not answer", "The workers' common store of answers (Redis) is away for the moment."],
    zh: ["服务器的共享存储没有应答", "各进程共享的回答存储（Redis）暂时不可用。"],
    action: "later",
  },
  budget_exceeded: {
    en: ["The project's budget is used up", "Its limit of tokens or money is reached. It starts anew at the end of the period, or its owner raises it."],
    zh: ["项目预算已用完", "已达到 token 或费用上限。下一周期会重新计算，或由所有者提高上限。"],
    action: "model",
  },
  idempotency_conflict: {
    en: ["The question was changed while it was sent", "The server knows it under the same mark with other words."],
    zh: ["问题在发送过程中被改动", "服务器以同一标记记录了不同的内容。"],
    action: "retry",
  },
  body_too_large: {
    en: ["The question is too long", "With its history and its files it is larger than this server takes."],
    zh: ["问题过长", "连同历史和附件，超过了服务器可接受的大小。"],
    action: "shorten",
  },
  bad_request: {
    en: ["Something in the request is not right", "The server's words name the field and what it takes."],
    zh: ["请求中有错误", "服务器的原话指出了字段及其要求。"],
    action: "settings",
  },
  conflict: {
    en: ["This collides with what is there", "Somebody has changed it in the meantime, or a limit of this server is reached."],
    zh: ["与现有内容冲突", "期间有人作了改动，或已达到服务器的上限。"],
    action: "reload",
  },
  unauthenticated: {
    en: ["You are not signed in", "Your session has ended, or was ended."],
    zh: ["尚未登录", "会话已结束或被终止。"],
    action: "signIn",
  },
  forbidden: {
    en: ["You may not do this", "Your role in this project does not allow it, or the page was opened under a foreign address."],
    zh: ["没有权限", "您在该项目中的角色不允许，或页面是从其他地址打开的。"],
    action: "reload",
  },
  host_refused: {
    en: ["The page was opened under a name that the server does not know", "A name that other sites could point here is refused. The server's words hold the setting that allows it."],
    zh: ["页面是以服务器不认识的名称打开的", "其他网站可能把名称指向这里，因此被拒绝。服务器的原话中有放行的设置。"],
    action: "allow",
  },
  origin_refused: {
    en: ["The question came from a foreign page", "Only pages of this server may ask here. The server's words hold the setting that allows another."],
    zh: ["请求来自其他网站的页面", "只有本服务器的页面可以提问。服务器的原话中有放行的设置。"],
    action: "allow",
  },
  unavailable: {
    en: ["The server is not ready", "It is starting, or something that it needs is away for the moment."],
    zh: ["服务器尚未就绪", "正在启动，或所需的组件暂时不可用。"],
    action: "later",
  },
  not_found: {
    en: ["This is not there", "It was removed, or belongs to somebody else."],
    zh: ["这里没有要找的内容", "它已被删除，或属于他人。"],
    action: "reload",
  },
  project_not_found: {
    en: ["The project is not there", "It was removed, or you are no member of it any more."],
    zh: ["项目不存在", "已被删除，或您已不是成员。"],
    action: "reload",
  },
  unknown_configuration: {
    en: ["This model is no longer stored", "Its configuration was removed. Choose another model in the head of the pane."],
    zh: ["该模型已不在列表中", "其配置已被删除。请在窗格顶部选择其他模型。"],
    action: "retry",
  },
  unknown_provider: {
    en: ["This server does not know the provider", "Its name is not on the list of this server."],
    zh: ["服务器不认识该服务商", "名称不在本服务器的列表中。"],
    action: "reload",
  },
  model_not_found: {
    en: ["This model is not there", "It was removed, or its name is another."],
    zh: ["没有这个模型", "已被删除，或名称不同。"],
    action: "reload",
  },
  key_missing: {
    en: ["The model has no key", "Its provider wants one, and none is stored."],
    zh: ["模型没有密钥", "服务商需要密钥，而尚未保存。"],
    action: "key",
  },
  key_unreadable: {
    en: ["The stored key cannot be opened", "The server's own secret has changed since it was stored. Enter the key again."],
    zh: ["无法打开保存的密钥", "服务器的密钥文件在保存之后已更换。请重新输入密钥。"],
    action: "key",
  },
  key_bound_elsewhere: {
    en: ["The key was stored for another address", "A key goes only where it was meant to. Enter it again for this address."],
    zh: ["密钥是为另一个地址保存的", "密钥只会发往指定的地址。请为该地址重新输入。"],
    action: "key",
  },
  unsupported_server: {
    en: ["This server cannot stream", "It runs under a Django server that holds answers back."],
    zh: ["该服务器无法流式传输", "所用的 Django 服务器会缓存回答。"],
    action: "retry",
  },
  method_not_allowed: {
    en: ["Page and server do not fit together", "The page is of another version than its server. Load it again."],
    zh: ["页面与服务器不匹配", "页面与服务器版本不同，请重新加载。"],
    action: "reload",
  },
  unsupported_media_type: {
    en: ["Page and server do not fit together", "The page is of another version than its server. Load it again."],
    zh: ["页面与服务器不匹配", "页面与服务器版本不同，请重新加载。"],
    action: "reload",
  },
  page_failed: {
    en: ["This part of the page failed", "The answers are kept. Load the page again."],
    zh: ["页面的这一部分出错了", "回答已保留。请重新加载页面。"],
    action: "reload",
  },
};
