/**
 * Makes two servers' answers comparable: what must differ (uids, versions, times) becomes a symbol that keeps only
 * sameness, and what no client may rely on (wording of schema errors, field ownership) is left out.
 */

type Json = unknown;
type Fields = Record<string, Json>;

const SERVER_TIMES = new Set(['creationTimestamp', 'deletionTimestamp', 'lastTransitionTime']);
const UUID = /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g;

/** Symbols of one trace: the same uid or version gets the same symbol, in order of appearance. */
export class Symbols {
  readonly #known = new Map<string, string>();
  readonly #count = new Map<string, number>();

  of(kind: 'uid' | 'rv', value: string): string {
    const key = `${kind} ${value}`;
    let symbol = this.#known.get(key);
    if (symbol === undefined) {
      const count = (this.#count.get(kind) ?? 0) + 1;
      this.#count.set(kind, count);
      symbol = `<${kind} ${count}>`;
      this.#known.set(key, symbol);
    }
    return symbol;
  }
}

/** The comparable form of an answer's body or of a watch event. */
export function normalise(value: Json, symbols: Symbols): Json {
  if (Array.isArray(value)) return value.map(item => normalise(item, symbols));
  if (typeof value === 'string') return symbolic(value, symbols);
  if (typeof value !== 'object' || value === null) return value;
  const fields = value as Fields;
  if (fields['kind'] === 'Status') return status(fields, symbols);
  if (fields['kind'] === 'Table') return table(fields, symbols);
  const isList = Array.isArray(fields['items']);
  return mapFields(fields, (key, item) => {
    if (key === 'metadata') return isList ? listMeta(item as Fields) : objectMeta(item as Fields, symbols);
    return SERVER_TIMES.has(key) && typeof item === 'string' ? '<time>' : normalise(item, symbols);
  });
}

function objectMeta(meta: Fields, symbols: Symbols): Fields {
  return mapFields(meta, (key, item) => {
    if (key === 'managedFields') return undefined;
    if (key === 'uid') return symbols.of('uid', String(item));
    if (key === 'resourceVersion') return symbols.of('rv', String(item));
    if (SERVER_TIMES.has(key) && typeof item === 'string') return '<time>';
    return normalise(item, symbols);
  });
}

/** The version of a list is that of the whole store, which other clients move too; no page token may be empty. */
function listMeta(meta: Fields): Fields {
  return mapFields(meta, (key, item) => {
    if (key === 'continue' && item === '') return undefined;
    return key === 'resourceVersion' || key === 'continue' ? `<${key}>` : item;
  });
}

function status(fields: Fields, symbols: Symbols): Fields {
  const invalid = fields['reason'] === 'Invalid';
  const ownWords = invalid || fields['reason'] === 'UnsupportedMediaType';
  return mapFields(fields, (key, item) => {
    if (key === 'message') return ownWords ? undefined : symbolic(String(item), symbols);
    if (key === 'details' && invalid) return invalidDetails(item as Fields);
    return normalise(item, symbols);
  });
}

/** Which fields were refused, and for which kind of reason; not in which words or order. */
function invalidDetails(details: Fields): Fields {
  const causes = (details['causes'] ?? []) as Fields[];
  // a cause without field only says that further rules were not looked at
  const refused = causes
    .filter(({ field }) => field !== '<nil>')
    .map(({ field, reason }) => `${String(field)}: ${String(reason)}`);
  return { ...details, causes: [...new Set(refused)].sort() };
}

function table(fields: Fields, symbols: Symbols): Fields {
  const columns = (fields['columnDefinitions'] ?? []) as Fields[];
  const rows = (fields['rows'] ?? []) as Fields[];
  const ages = columns.map(({ name }) => String(name).toLowerCase() === 'age');
  // only the first table of a watch says what its columns are
  const isAge = (cell: Json, i: number) => ages[i] ?? (typeof cell === 'string' && /^\d+[smhd]$/.test(cell));
  return {
    kind: 'Table',
    apiVersion: fields['apiVersion'],
    metadata: listMeta((fields['metadata'] ?? {}) as Fields),
    columnDefinitions: columns.map(({ description: _words, ...column }) => column),
    rows: rows.map(({ cells, object }) => ({
      cells: (cells as Json[]).map((cell, i) => (isAge(cell, i) ? '<age>' : normalise(cell, symbols))),
      ...(object === undefined || object === null ? {} : { object: normalise(object, symbols) }),
    })),
  };
}

function symbolic(text: string, symbols: Symbols): string {
  return text
    .trimEnd()
    .replace(UUID, uid => symbols.of('uid', uid))
    .replace(/too old resource version: \d+ \(\d+\)/, 'too old resource version: <old> (<oldest>)')
    .replace(/(ResourceVersion in (?:the precondition \(|record \())(\d+)/g, (_, before: string, rv: string) => {
      return before + symbols.of('rv', rv);
    });
}

/** Members that become undefined are left out, and keys are sorted: neither server promises an order. */
function mapFields(fields: Fields, change: (key: string, value: Json) => Json): Fields {
  const entries = Object.keys(fields)
    .sort()
    .map((key): [string, Json] => [key, change(key, fields[key])]);
  return Object.fromEntries(entries.filter(([, value]) => value !== undefined));
}
