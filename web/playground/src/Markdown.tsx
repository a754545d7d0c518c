/** A model's text as Markdown. It shows, and never runs or loads: raw HTML stays text, pictures stay links. */

import { cjk } from "@streamdown/cjk";
import { memo, useEffect, useMemo, useRef, useState } from "react";
import { Streamdown, defaultRehypePlugins, type Components, type PluginConfig } from "streamdown";

import { withDollars } from "./delimiters";
import { AsText, Written } from "./Part";
import { seal } from "./segments";
import { isDeep, shallow } from "./shallow";
import { useLanguage } from "./words";

const HARDENED = [
  ...Object.entries(defaultRehypePlugins).filter(([name]) => name !== "raw").map(([, plugin]) => plugin),
  shallow,
];
const COMPONENTS: Components = {
  img: ({ src, alt }) => <span className="text-quiet">[{alt || String(src ?? "")}]</span>,
};
const CONTROLS = { code: { copy: true, download: false }, table: { copy: true, download: false, fullscreen: false } };
const HAS_CODE = /```|~~~/;
const HAS_MATHS = /\$\$/;
const CHINESE = { copyCode: "复制代码", copied: "已复制", copyTable: "复制表格", openLink: "打开链接", copyLink: "复制链接", openExternalLink: "打开外部链接？", externalLinkWarning: "即将访问外部网站。", close: "关闭" };

const loaded: PluginConfig = { cjk };

/** What makes code coloured and maths set is large, and fetched when there is some. */
function usePlugins(text: string): PluginConfig {
  const [plugins, setPlugins] = useState<PluginConfig>(() => ({ ...loaded }));
  const wantsCode = HAS_CODE.test(text) && !plugins.code;
  const wantsMaths = HAS_MATHS.test(text) && !plugins.math;
  useEffect(() => {
    const take = (found: PluginConfig): void => setPlugins({ ...Object.assign(loaded, found) });
    const plain = (): void => undefined; // what did not load changes nothing: the text is there without it
    if (wantsCode) import("./highlight").then(({ code }) => take({ code }), plain);
    if (wantsMaths) import("./maths").then(({ math }) => take({ math }), plain);
  }, [wantsCode, wantsMaths]);
  return plugins;
}

interface Shown {
  text: string;
  streaming: boolean;
}

const Piece = memo(function Piece({ text: written, streaming }: Shown) {
  const text = useMemo(() => withDollars(written), [written]);
  const plugins = usePlugins(text);
  const language = useLanguage();
  if (isDeep(written)) return <Written text={written} />;
  return (
    <AsText text={text}>
      <Streamdown className="answer break-words" components={COMPONENTS} controls={CONTROLS} isAnimating={streaming} lineNumbers={false} plugins={plugins}
        rehypePlugins={HARDENED} shikiTheme={["github-light", "github-dark-default"]} {...(language === "zh" ? { translations: CHINESE } : {})}>
        {text}
      </Streamdown>
    </AsText>
  );
});

/** A long text is set piece by piece, one a frame, and only its end again as it grows. */
export function Markdown({ text, streaming }: Shown): React.JSX.Element {
  const sealed = useRef<readonly string[]>([]);
  const pieces = (sealed.current = seal(sealed.current, text));
  const shown = useGradually(pieces.length);
  const rest = text.slice(pieces.reduce((length, piece) => length + piece.length, 0));
  return (
    <>
      {pieces.slice(0, shown).map((piece, at) => <Piece key={at} text={piece} streaming={false} />)}
      {shown === pieces.length && <Piece key={shown} text={rest} streaming={streaming} />}
    </>
  );
}

function useGradually(count: number): number {
  const [shown, setShown] = useState(Math.min(count, 1));
  const next = Math.min(shown, count);
  useEffect(() => {
    if (next >= count) return undefined;
    const frame = requestAnimationFrame(() => setShown(next + 1));
    return () => cancelAnimationFrame(frame);
  }, [next, count]);
  return next;
}
