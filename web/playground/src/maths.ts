import "katex/dist/katex.min.css";

import { math as set } from "@streamdown/math";

import { shallow } from "./shallow";

/** The same plugin twice runs once, at its first place: before there are formulas. */
const shallowFormulas = (): ReturnType<typeof shallow> => shallow();

export const math: typeof set = { ...set, rehypePlugin: { plugins: [set.rehypePlugin, shallowFormulas] } };
