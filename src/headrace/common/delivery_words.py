"""What is said of streams that were examined, in two languages with the same keys and the same figures."""

from __future__ import annotations

from typing import Literal

Language = Literal["en", "zh"]

ENGLISH = {
    "good": "Streams arrive as they are sent.",
    "held": "Streams are held back on their way.",
    "wrong": "Streams do not arrive as they should.",
    "nothing": "No stream arrived at all.",
    "broken_off": "A stream broke off after {came} of {events} events.",
    "prompt": "{events} events arrived one by one, none more than {late:.0f} ms late.",
    "compressed_buffered": "Something in front compresses ({coding}), and holds events back until it has enough.",
    "buffered": "Something in front buffers: the first event came {late:.1f} s late, in one burst.",
    "some_buffered": "Something in front buffers in {coding} streams: the first event came {late:.1f} s late, "
    "in one burst.",
    "compressed": "Something in front compresses streams ({coding}). They pass; Headrace does it better.",
    "accept_encoding": "Something in front takes Accept-Encoding away, so that streams are not compressed.",
    "http10": "Headrace is asked by HTTP/1.0: each answer costs a connection, and its end cannot be told from a loss.",
    "scheme": "Headrace does not know that the page is https: its cookies are not marked Secure.",
    "sync_worker": "A stream holds its whole worker process: each other request waits until it has ended.",
    "patient": "A silence of {silence:g} s is borne.",
    "idle_cut": "After {cut:.0f} s of silence the connection is cut, and keep-alives come every {every:g} s.",
    "idle_cut_later": "After {cut:.0f} s of silence the connection is cut; keep-alives come every {every:g} s, "
    "so streams live.",
    "idle_cut_bare": "After {cut:.0f} s of silence the connection is cut, and there are no keep-alives.",
    "or": "or: {line}",
}
CHINESE = {
    "good": "流一发出就到达。",
    "held": "流在途中被扣留。",
    "wrong": "流没有正常到达。",
    "nothing": "没有任何流到达。",
    "broken_off": "一个流在 {events} 个事件中的第 {came} 个之后中断。",
    "prompt": "{events} 个事件逐个到达，最多迟到 {late:.0f} 毫秒。",
    "compressed_buffered": "前面有东西在压缩（{coding}），并扣留事件直到攒够为止。",
    "buffered": "前面有东西在缓冲：第一个事件迟到 {late:.1f} 秒，所有事件一起到达。",
    "some_buffered": "前面有东西在缓冲 {coding} 流：第一个事件迟到 {late:.1f} 秒，所有事件一起到达。",
    "compressed": "前面有东西在压缩流（{coding}）。流可以通过，但由 Headrace 压缩更好。",
    "accept_encoding": "前面有东西去掉了 Accept-Encoding，所以流没有压缩。",
    "http10": "Headrace 收到的是 HTTP/1.0 请求：每个回答占用一个连接，正常结束与中断无法区分。",
    "scheme": "Headrace 不知道页面使用 https：它的 cookie 没有标记 Secure。",
    "sync_worker": "一个流占用整个工作进程：其他请求都要等到它结束。",
    "patient": "可以承受 {silence:g} 秒的静默。",
    "idle_cut": "静默 {cut:.0f} 秒后连接被切断，而保活消息每 {every:g} 秒一次。",
    "idle_cut_later": "静默 {cut:.0f} 秒后连接被切断；保活消息每 {every:g} 秒一次，所以流不会中断。",
    "idle_cut_bare": "静默 {cut:.0f} 秒后连接被切断，而且没有保活消息。",
    "or": "或：{line}",
}
WORDS: dict[Language, dict[str, str]] = {"en": ENGLISH, "zh": CHINESE}
