/** What a file of conversations says of itself. */

export const FORMAT = "headrace.conversations";
export const VERSION = 1;
