/** A model's text as Markdown. It shows, and never runs or loads: raw HTML stays text, pictures stay links. */

import { cjk } from "@streamdown/cjk";
import { memo, useEffect, useState } from "react";
import { Streamdown, defaultRehypePlugins, type Components, type PluginConfig } from "streamdown";

import { useLanguage } from "./words";

const HARDENED = Object.entries(defaultRehypePlugins)
  .filter(([name]) => name !== "raw")
  .map(([, plugin]) => plugin);
const COMPONENTS: Components = {
  img: ({ src, alt }) => <span className="text-quiet">[{alt || String(src ?? "")}]</span>,
};
const CONTROLS = { code: { copy: true, download: false }, table: { copy: true, download: false, fullscreen: false } };
const HAS_CODE = /```|~~~/;
const HAS_MATHS = /\$\$|\\\(|\\\[/;
const CHINESE = { copyCode: "复制代码", copied: "已复制", copyTable: "复制表格", openLink: "打开链接", copyLink: "复制链接", openExternalLink: "打开外部链接？", externalLinkWarning: "即将访问外部网站。", close: "关闭" };

/** What makes code coloured and maths set is large, and fetched when there is some. */
function usePlugins(text: string): PluginConfig {
  const [plugins, setPlugins] = useState<PluginConfig>({ cjk });
  const wantsCode = HAS_CODE.test(text);
  const wantsMaths = HAS_MATHS.test(text);
  useEffect(() => {
    if (wantsCode) void import("./highlight").then(({ code }) => setPlugins((before) => ({ ...before, code })));
  }, [wantsCode]);
  useEffect(() => {
    if (wantsMaths) void import("./maths").then(({ math }) => setPlugins((before) => ({ ...before, math })));
  }, [wantsMaths]);
  return plugins;
}

export const Markdown = memo(function Markdown({ text, streaming }: { text: string; streaming: boolean }) {
  const plugins = usePlugins(text);
  const language = useLanguage();
  return (
    <Streamdown className="answer break-words" components={COMPONENTS} controls={CONTROLS} isAnimating={streaming} lineNumbers={false} plugins={plugins}
      rehypePlugins={HARDENED} shikiTheme={["github-light", "github-dark"]} {...(language === "zh" ? { translations: CHINESE } : {})}>
      {text}
    </Streamdown>
  );
});
