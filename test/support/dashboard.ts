/** The dashboard of a running proxy in a real browser; whatever the browser complains about is kept. */
import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import { keep } from './keep.ts';
import type { Millrace } from './millrace.ts';
import { eventually } from './wait.ts';

export class Dashboard {
  readonly page: Page;
  /** Errors of scripts, refusals of the content security policy, resources that failed. */
  readonly complaints: string[] = [];
  /** Addresses that were asked and are not the proxy's. */
  readonly foreign: string[] = [];
  /** Paths that were asked, in order. */
  readonly asked: string[] = [];
  readonly #origin: string;

  private constructor(page: Page, origin: string) {
    this.page = page;
    this.#origin = origin;
    page.on('console', (message) => {
      if (message.type() === 'error' || message.type() === 'warning') this.complaints.push(message.text());
    });
    page.on('pageerror', (error) => this.complaints.push(error.stack ?? error.message));
    page.on('dialog', (dialog) => {
      this.complaints.push(`dialog: ${dialog.message()}`);
      void dialog.dismiss();
    });
    page.on('request', (request) => {
      const url = new URL(request.url());
      if (url.origin === origin) this.asked.push(`${request.method()} ${url.pathname}${url.search}`);
      else if (url.protocol !== 'data:') this.foreign.push(request.url());
    });
  }

  /** `view`: what the fragment names. */
  static async open(browser: Browser, proxy: Millrace, { view = 'overview', ...options }: BrowserContextOptions & { view?: string } = {}): Promise<Dashboard> {
    const context = await browser.newContext({ viewport: { width: 1400, height: 900 }, ...options });
    keep({ close: () => context.close() });
    const dashboard = new Dashboard(await context.newPage(), `http://127.0.0.1:${proxy.adminPort}`);
    await dashboard.page.goto(`http://127.0.0.1:${proxy.adminPort}/#${view}`);
    return dashboard;
  }

  /** Waits until the numbers are there. */
  async live(): Promise<this> {
    await this.page.locator('#connection', { hasText: 'live' }).waitFor();
    return this;
  }

  async show(view: string): Promise<void> {
    await this.page.locator(`#tabs a[href="#${view}"]`).click();
    await this.page.locator(`#view-${view}`).waitFor();
  }

  text(selector: string): Promise<string> {
    return this.page.locator(selector).innerText();
  }

  /** Waits for a text. */
  async reads(selector: string, pattern: RegExp): Promise<string> {
    return eventually(async () => {
      const text = await this.text(selector);
      if (!pattern.test(text)) throw new Error(`${selector} reads ${JSON.stringify(text)}, not ${String(pattern)}`);
      return text;
    });
  }

  /** The row of an endpoint. */
  row(name: string) {
    return this.page.locator('tbody > tr:not(.detail)', { has: this.page.locator('td.name', { hasText: name }) });
  }

  /** Resolves when that many more answers of GET /stats have been shown. */
  async ticks(count: number): Promise<void> {
    const ticks = (): Promise<number> => this.page.evaluate("performance.getEntriesByName('millrace tick').length");
    const from = await ticks();
    await eventually(async () => (await ticks()) >= from + count);
  }

  get origin(): string {
    return this.#origin;
  }
}
