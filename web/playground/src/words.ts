/** The page's words, in two languages with the same keys; and how numbers are said. */

import { useSyncExternalStore } from "react";

const ENGLISH = {
  add: "Add a model",
  addPane: "Compare with another",
  address: "Address",
  addressHint: "empty: the provider's own",
  answer: "Answer",
  answeredBy: "answered by",
  ask: "Ask every model at once",
  attempts: "attempts",
  cancel: "Cancel",
  clear: "New conversation",
  close: "Close",
  copied: "Copied",
  copy: "Copy",
  cost: "cost",
  dark: "Dark",
  demo: "demo",
  demoNote: "Demonstration models: tiny, English only, often wrong. For trying the page.",
  docs: "API",
  edit: "Edit the question",
  examples: "Try one of these",
  found: "Found on this machine",
  in: "in",
  key: "API key",
  keyHint: "kept on the server, sealed; never shown again",
  keys: "Keys",
  keysList: "Enter sends · Shift+Enter breaks the line · Esc stops · ↑ in an empty box brings back the last question · / goes to the box · ? shows this",
  language: "中文",
  latest: "Jump to latest",
  light: "Light",
  loading: "Looking for models…",
  maxTokens: "Longest answer (tokens)",
  model: "Model",
  modelDefault: "the model's default",
  modelName: "Model name",
  modelsFound: "models: choose one above",
  name: "Name",
  noModels: "No model yet. Add one, and ask.",
  out: "out",
  parameters: "Settings",
  provider: "Provider",
  ready: "Ready. It answers the same question.",
  reconnecting: "Connection lost. Coming back…",
  remove: "Remove from the comparison",
  retry: "Ask again",
  save: "Add",
  send: "Send",
  sent: "sent to every model",
  sources: "Sources",
  stop: "Stop",
  stopAll: "Stop all",
  stopped: "stopped",
  system: "System prompt",
  systemHint: "You are a helpful assistant.",
  temperature: "Temperature",
  test: "List its models",
  testing: "Asking…",
  theme: "Theme",
  thinking: "Thinking",
  thought: "Thought for",
  thoughtTokens: "thought",
  title: "Several models. One question.",
  tokens: "tokens",
  tools: "Calls",
  total: "total",
  ttft: "first token",
  unfinished: "Nothing came back.",
  waiting: "Waiting for the first token",
  welcome: "Ask once and watch them think and answer side by side, each with its own time and tokens.",
};

export type Words = typeof ENGLISH;

const CHINESE: Words = {
  add: "添加模型",
  addPane: "再加一个对比",
  address: "地址",
  addressHint: "留空即服务商自己的地址",
  answer: "回答",
  answeredBy: "实际回答者",
  ask: "同时问所有模型",
  attempts: "次尝试",
  cancel: "取消",
  clear: "新对话",
  close: "关闭",
  copied: "已复制",
  copy: "复制",
  cost: "费用",
  dark: "深色",
  demo: "演示",
  demoNote: "演示模型：很小，只会英语，常常出错，仅供试用本页面。请用英语提问。",
  docs: "API",
  edit: "修改问题",
  examples: "试试这些",
  found: "在本机上找到",
  in: "输入",
  key: "API 密钥",
  keyHint: "加密保存在服务器上，不再显示",
  keys: "快捷键",
  keysList: "Enter 发送 · Shift+Enter 换行 · Esc 停止 · 空框内 ↑ 取回上一个问题 · / 回到输入框 · ? 显示本说明",
  language: "English",
  latest: "跳到最新",
  light: "浅色",
  loading: "正在查找模型……",
  maxTokens: "回答最长（token）",
  model: "模型",
  modelDefault: "模型的默认值",
  modelName: "模型名",
  modelsFound: "个模型：请在上面选择",
  name: "名称",
  noModels: "还没有模型。先添加一个，再提问。",
  out: "输出",
  parameters: "设置",
  provider: "服务商",
  ready: "就绪，将回答同一个问题。",
  reconnecting: "连接断开，正在恢复……",
  remove: "从对比中移除",
  retry: "重新提问",
  save: "添加",
  send: "发送",
  sent: "发给所有模型",
  sources: "来源",
  stop: "停止",
  stopAll: "全部停止",
  stopped: "已停止",
  system: "系统提示",
  systemHint: "你是一个有用的助手。",
  temperature: "温度",
  test: "列出它的模型",
  testing: "正在询问……",
  theme: "主题",
  thinking: "思考中",
  thought: "思考了",
  thoughtTokens: "思考",
  title: "多个模型，同一个问题。",
  tokens: "token",
  tools: "调用",
  total: "总共",
  ttft: "首个 token",
  unfinished: "什么也没有返回。",
  waiting: "等待首个 token",
  welcome: "只问一次，看它们并排思考与回答，各自的时间和 token 一目了然。",
};

export type Language = "en" | "zh";

const WORDS: Record<Language, Words> = { en: ENGLISH, zh: CHINESE };
const KEPT = "headrace.language";
const listeners = new Set<() => void>();
let language: Language = chosen();

function chosen(): Language {
  const kept = localStorage.getItem(KEPT);
  if (kept === "en" || kept === "zh") return kept;
  const known = navigator.languages.map((each) => each.slice(0, 2)).find((each) => each === "zh" || each === "en");
  return known === "zh" ? "zh" : "en";
}

export function setLanguage(next: Language): void {
  language = next;
  localStorage.setItem(KEPT, next);
  document.documentElement.lang = next;
  for (const listener of listeners) listener();
}

export function useLanguage(): Language {
  return useSyncExternalStore(
    (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    () => language,
  );
}

export function useWords(): Words {
  return WORDS[useLanguage()];
}

document.documentElement.lang = language;

export function seconds(milliseconds: number): string {
  if (milliseconds < 1000) return `${Math.round(milliseconds)} ms`;
  return `${(milliseconds / 1000).toFixed(milliseconds < 10_000 ? 1 : 0)} s`;
}
