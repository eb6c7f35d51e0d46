/**
 * Bytes from the network (one latin1 character each) as visible ASCII on one line: whatever could end a line, move a cursor or look
 * like something else becomes `\xNN`. A backslash does, too, so that nobody can write an escape that we did not make.
 */
export function printable(bytes: string): string {
  return bytes.replace(/[^\x20-\x5b\x5d-\x7e]/g, (character) => `\\x${character.charCodeAt(0).toString(16).padStart(2, '0')}`);
}
