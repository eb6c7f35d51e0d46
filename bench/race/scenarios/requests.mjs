/** What clients of the race send. Host comes from the load generator. */

/** An API client: with Host the six lines of the figures in DESIGN.md. */
export const API_HEADERS = [
  ['user-agent', 'Mozilla/5.0 (X11; Linux x86_64)'],
  ['accept', '*/*'],
  ['accept-language', 'en'],
  ['accept-encoding', 'gzip'],
  ['x-tenant', '42'],
];

/** A browser behind a login, with what its extensions and the analytics of a shop add: with Host 30 lines, 1.7 KB. */
export const BROWSER_HEADERS = [
  ['cache-control', 'max-age=0'],
  ['sec-ch-ua', '"Chromium";v="130", "Google Chrome";v="130", "Not?A_Brand";v="99"'],
  ['sec-ch-ua-mobile', '?0'],
  ['sec-ch-ua-platform', '"Linux"'],
  ['sec-ch-ua-arch', '"x86"'],
  ['sec-ch-ua-bitness', '"64"'],
  ['sec-ch-ua-full-version-list', '"Chromium";v="130.0.6723.91", "Google Chrome";v="130.0.6723.91", "Not?A_Brand";v="99.0.0.0"'],
  ['upgrade-insecure-requests', '1'],
  ['user-agent', 'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Safari/537.36'],
  ['accept', 'text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,image/apng,*/*;q=0.8,application/signed-exchange;v=b3;q=0.7'],
  ['sec-fetch-site', 'same-origin'],
  ['sec-fetch-mode', 'navigate'],
  ['sec-fetch-user', '?1'],
  ['sec-fetch-dest', 'document'],
  ['referer', 'https://shop.example.com/catalogue/gardening/tools?page=3&sort=price&order=asc'],
  ['accept-encoding', 'gzip, deflate, br, zstd'],
  ['accept-language', 'en-GB,en-US;q=0.9,en;q=0.8,de;q=0.7'],
  ['cookie', `session=${'0123456789abcdef'.repeat(4)}; consent=analytics:1|marketing:0; _ga=GA1.2.1234567890.1700000000; cart=${'f00dcafe'.repeat(8)}; theme=dark; experiment=checkout-b`],
  ['if-none-match', 'W/"5f2d-18b6c2f0e4a"'],
  ['if-modified-since', 'Sat, 01 Nov 2025 10:00:00 GMT'],
  ['dnt', '1'],
  ['priority', 'u=0, i'],
  ['x-requested-with', 'XMLHttpRequest'],
  ['x-csrf-token', 'c3JmLXRva2VuLWZvci10aGUtcmFjZS1vbmx5LTAxMjM0NTY3ODk='],
  ['x-client-version', '2025.11.3'],
  ['x-session-id', '8f14e45f-ceea-467f-a0e6-3b1c2d4e5f60'],
  ['traceparent', '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01'],
  ['origin', 'https://shop.example.com'],
  ['authorization', `Bearer ${'eyJhbGciOiJFUzI1NiJ9'.repeat(6)}`],
];
