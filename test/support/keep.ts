/** Ends what a test has started: after the test when called in one, else after the file. */
import { afterAll, onTestFinished } from 'vitest';

export interface Closable {
  close(): Promise<void>;
}

const ofFile: Closable[] = [];

afterAll(async () => {
  for (const thing of ofFile.reverse()) await thing.close();
});

export function keep<T extends Closable>(thing: T): T {
  try {
    onTestFinished(() => thing.close());
  } catch {
    ofFile.push(thing); // vitest throws outside of a test
  }
  return thing;
}
