/** Texts of manifests cut into objects that know where they stand: documents of a stream, and items of lists. */
import {
  constructFromEvents,
  CORE_SCHEMA,
  type Event,
  EVENT_ID,
  getScalarValue,
  mergeTag,
  parseEvents,
  YAMLException,
} from 'js-yaml';
import { fieldsOf, textOf } from '../../istio/fields.ts';

export interface ManifestText {
  /** As it was named; `-` for standard input. */
  file: string;
  text: string;
}

export interface Place {
  file: string;
  /** Number in the file, from 1; absent where the file cannot be cut into documents. */
  document?: number;
  /** Where the object begins, from 1. */
  line: number;
}

export interface ManifestDocument extends Place {
  object: unknown;
  document: number;
}

export interface Problem {
  place: Place;
  /** What is wrong, with the path of the field in front where it is one. */
  message: string;
}

/** YAML 1.2 as kubectl takes it: with merge keys, and times as plain text. */
const SCHEMA = CORE_SCHEMA.withTags(mergeTag);

/** Every object of a text; what cannot be read at all is a problem. Empty documents are left out. */
export function documentsOf({ file, text }: ManifestText): { documents: ManifestDocument[]; problems: Problem[] } {
  try {
    const events = parseEvents(text, { filename: file });
    const spots = spotsOf(events);
    const lines = new Lines(text);
    const documents = constructFromEvents(events, { source: text, schema: SCHEMA }).flatMap((object, index) => {
      const content = spots[index]?.inner[0];
      const place = { file, document: index + 1, line: lines.at(content ? startOf(content.event) : 0) };
      return object === null || object === undefined ? [] : unpacked({ ...place, object }, content, text, lines);
    });
    return { documents, problems: [] };
  } catch (error) {
    if (!(error instanceof YAMLException)) throw error;
    const line = (error.mark?.line ?? 0) + 1;
    return { documents: [], problems: [{ place: { file, line }, message: `is not YAML: ${error.reason}` }] };
  }
}

/** `web.yaml, document 2 (line 14): spec.host: must be given`. */
export function sentenceOf({ place, message }: Problem): string {
  return `${placeText(place)}: ${message}`;
}

export function placeText({ file, document, line }: Place): string {
  const where = file === '-' ? 'standard input' : file;
  return document === undefined ? `${where}, line ${line}` : `${where}, document ${document} (line ${line})`;
}

/** The items of a list in place of the list. A list of one kind, such as a ServiceList, names the kind only once. */
function unpacked(found: ManifestDocument, spot: Spot | undefined, text: string, lines: Lines): ManifestDocument[] {
  const { apiVersion, kind, items } = fieldsOf(found.object);
  if (!textOf(kind).endsWith('List') || !Array.isArray(items)) return [found];
  const of = textOf(kind).slice(0, -'List'.length);
  const given = of === '' ? {} : { apiVersion, kind: of };
  const spots = spot ? itemsOf(spot, text) : [];
  return items.flatMap((item: unknown, index) => {
    const inner = spots[index];
    const line = inner ? lines.at(startOf(inner.event)) : found.line;
    const object = item !== null && typeof item === 'object' && !Array.isArray(item) ? { ...given, ...item } : item;
    return unpacked({ ...found, line, object }, inner, text, lines);
  });
}

/** A node of the text, with what is inside: of a mapping, keys and values in turn. */
interface Spot {
  event: Event;
  inner: Spot[];
}

function spotsOf(events: readonly Event[]): Spot[] {
  const documents: Spot[] = [];
  const open = [documents];
  for (const event of events) {
    if (event.type === EVENT_ID.POP) {
      open.pop();
      continue;
    }
    const spot: Spot = { event, inner: [] };
    open.at(-1)?.push(spot);
    if (event.type !== EVENT_ID.SCALAR && event.type !== EVENT_ID.ALIAS) open.push(spot.inner);
  }
  return documents;
}

function itemsOf({ inner }: Spot, text: string): Spot[] {
  const key = inner.findIndex(
    ({ event }, index) => index % 2 === 0 && event.type === EVENT_ID.SCALAR && getScalarValue(text, event) === 'items',
  );
  return key < 0 ? [] : (inner[key + 1]?.inner ?? []);
}

function startOf(event: Event): number {
  if (event.type === EVENT_ID.SCALAR) return Math.max(event.valueStart, 0);
  return 'start' in event ? Math.max(event.start, 0) : 0;
}

/** Numbers of lines by offset. */
class Lines {
  readonly #starts: number[] = [0];

  constructor(text: string) {
    for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) this.#starts.push(at + 1);
  }

  at(offset: number): number {
    let [low, high] = [0, this.#starts.length];
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if (this.#starts[middle]! <= offset) low = middle;
      else high = middle;
    }
    return low + 1;
  }
}
