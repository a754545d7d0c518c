/** What went over the wire. */

export const ENGLISH = {
  attempt: "Attempt",
  asFixture: "Fixture",
  fixtureHint: "The body as it came, and what should be read from it: a test for this provider.",
  hostEvents: "Headrace's events",
  moreRows: "more in the file",
  noWire: "The server no longer keeps the wire of this answer. What this page asked it:",
  upstreamFrames: "From the provider",
  wireCut: "It was longer than what is kept: the beginning is here.",
  wireTime: "Time",
};

export const CHINESE: typeof ENGLISH = {
  attempt: "第几次尝试：",
  asFixture: "测试样本",
  fixtureHint: "返回的原文，以及应从中读出的内容：可作为该服务商的测试。",
  hostEvents: "Headrace 的事件",
  moreRows: "条在文件中",
  noWire: "服务器已不再保存该回答的线路记录。本页面发给服务器的请求：",
  upstreamFrames: "来自服务商",
  wireCut: "内容超出保存上限：这里是开头部分。",
  wireTime: "时间",
};
