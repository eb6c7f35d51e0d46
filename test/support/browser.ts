/** The system's Chromium (the Debian package), without a window, driven by playwright-core. */
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import { chromium, type Browser } from 'playwright-core';
import { keep } from './keep.ts';

function executable(name: string): string {
  for (const directory of (process.env.PATH ?? '').split(delimiter)) {
    const path = join(directory, name);
    try {
      accessSync(path, constants.X_OK);
      return path;
    } catch {
      // the next one
    }
  }
  throw new Error(`there is no ${name} in PATH, and this test opens a page in it: install the package ${name} (apt-get install ${name})`);
}

export async function startBrowser(): Promise<Browser> {
  // No sandbox: it needs privileges that containers do not give; the only page is our own.
  return keep(await chromium.launch({ executablePath: executable('chromium'), args: ['--no-sandbox', '--disable-dev-shm-usage'] }));
}
