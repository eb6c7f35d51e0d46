/**
 * Configurations of the race are written in the peer's own language; lines that are comments there steer how they are filled in:
 *
 *   # @if NAME / # @unless NAME / # @else / # @end      the lines between, when the value is truthy (or is not)
 *   # @each NAME / # @end                               the lines between, once for every element of an array of objects
 *   {{name}}                                            the value; of the element first, within @each
 */
const DIRECTIVE = /^\s*#\s*@(if|unless|each|else|end)\b\s*(\S*)\s*$/;

/** A block is `{ lines: [text | { kind, name, body, otherwise }] }`; every directive has a line of its own. */
function parse(lines, file) {
  const root = { body: [] };
  const open = [root];
  let into = root.body;
  for (const [index, line] of lines.entries()) {
    const [, kind, name] = DIRECTIVE.exec(line) ?? [];
    const problem = (text) => new Error(`${file}:${index + 1}: ${text}`);
    if (kind === undefined) {
      into.push(line);
    } else if (kind === 'else') {
      const block = open.at(-1);
      if (block === root || block.kind === 'each' || block.otherwise !== null) throw problem('@else without @if');
      into = block.otherwise = [];
    } else if (kind === 'end') {
      const block = open.pop();
      if (block === root) throw problem('@end without a beginning');
      into = block.parent;
    } else {
      if (name === '') throw problem(`@${kind} without a name`);
      const block = { kind, name, body: [], otherwise: null, parent: into };
      into.push(block);
      open.push(block);
      into = block.body;
    }
  }
  if (open.length > 1) throw new Error(`${file}: @${open.at(-1).kind} ${open.at(-1).name} has no @end`);
  return root.body;
}

function print(body, values, file, out) {
  const valueOf = (name) => {
    if (!(name in values)) throw new Error(`${file}: there is no value ${JSON.stringify(name)}`);
    return values[name];
  };
  for (const part of body) {
    if (typeof part === 'string') {
      out.push(part.replaceAll(/\{\{(\w+)\}\}/g, (_, name) => String(valueOf(name))));
    } else if (part.kind === 'each') {
      for (const [index, element] of valueOf(part.name).entries()) print(part.body, { ...values, index, ...element }, file, out);
    } else {
      const holds = Boolean(valueOf(part.name)) === (part.kind === 'if');
      const chosen = holds ? part.body : part.otherwise;
      if (chosen !== null) print(chosen, values, file, out);
    }
  }
}

/** The template `text` with `values`; `file` is its name in errors. */
export function fill(text, values, file = 'template') {
  const out = [];
  print(parse(text.split('\n'), file), values, file, out);
  return out.join('\n');
}
