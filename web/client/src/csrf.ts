/** Django's CSRF token, for requests to the page's own origin and to no other. */

export const CSRF_HEADER = "X-CSRFToken";
const COOKIE = "csrftoken";
const FIELD = "csrfmiddlewaretoken"; // what `{% csrf_token %}` writes, where the cookie is hidden from scripts

export type CsrfToken = string | (() => string | undefined) | false;

/** The header with the token for a request to `url`, or none. */
export function csrfHeaders(url: string, given?: CsrfToken): Record<string, string> {
  if (given === false || typeof document === "undefined") return {};
  if (new URL(url, document.baseURI).origin !== location.origin) return {};
  const token = (typeof given === "function" ? given() : given) ?? cookieToken() ?? fieldToken();
  return token ? { [CSRF_HEADER]: token } : {};
}

function cookieToken(): string | undefined {
  const found = document.cookie.split("; ").find((cookie) => cookie.startsWith(`${COOKIE}=`));
  return found ? decodeURIComponent(found.slice(COOKIE.length + 1)) : undefined;
}

function fieldToken(): string | undefined {
  return document.querySelector<HTMLInputElement>(`input[name=${FIELD}]`)?.value;
}
