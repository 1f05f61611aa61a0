/** Rules for metadata: names, labels, annotations, and what may not change. */
import type { Cause } from './failure.ts';
import type { Resource } from './resource.ts';
import { isObject, type Metadata, sameJson } from './value.ts';

const LABEL = '[a-z0-9]([-a-z0-9]*[a-z0-9])?';
const SUBDOMAIN = `${LABEL}(\\.${LABEL})*`;
const LABEL_1035 = '[a-z]([-a-z0-9]*[a-z0-9])?';
const QUALIFIED = '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]';
const LABEL_VALUE = '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?';

const NAME_RULES: Record<Resource['nameRule'], { pattern: string; longest: number; text: string }> = {
  subdomain: {
    pattern: SUBDOMAIN,
    longest: 253,
    text: `a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '${SUBDOMAIN}')`,
  },
  label: {
    pattern: LABEL,
    longest: 63,
    text: `a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '${LABEL}')`,
  },
  label1035: {
    pattern: LABEL_1035,
    longest: 63,
    text: `a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for validation is '${LABEL_1035}')`,
  },
  path: { pattern: '[^/%]+', longest: 253, text: "may not contain '/' or '%'" },
};

function invalid(field: string, value: unknown, why: string): Cause {
  return { reason: 'FieldValueInvalid', field, message: `Invalid value: ${JSON.stringify(value)}: ${why}` };
}

/** Problems of a name, whatever the namespace. */
export function nameProblems(resource: Pick<Resource, 'nameRule'>, name: unknown): Cause[] {
  if (typeof name !== 'string' || name === '') {
    const message = 'Required value: name or generateName is required';
    return [{ reason: 'FieldValueRequired', field: 'metadata.name', message }];
  }
  const rule = NAME_RULES[resource.nameRule];
  const found: Cause[] = [];
  if (name.length > rule.longest) {
    found.push(invalid('metadata.name', name, `must be no more than ${rule.longest} bytes`));
  }
  if (!matches(name, rule.pattern)) found.push(invalid('metadata.name', name, rule.text));
  return found;
}

/** Problems of everything else in the metadata of an object that is written. */
export function metadataProblems(metadata: Metadata): Cause[] {
  return [...labelProblems(metadata.labels), ...annotationProblems(metadata.annotations)];
}

function labelProblems(labels: unknown): Cause[] {
  if (!isObject(labels)) return [];
  return Object.entries(labels).flatMap(([key, value]) => [
    ...keyProblems('metadata.labels', key),
    ...(typeof value === 'string' && value.length > 63
      ? [invalid('metadata.labels', value, 'must be no more than 63 bytes')]
      : []),
    ...(typeof value === 'string' && !matches(value, LABEL_VALUE)
      ? [
          invalid(
            'metadata.labels',
            value,
            `a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '${LABEL_VALUE}')`,
          ),
        ]
      : []),
  ]);
}

function annotationProblems(annotations: unknown): Cause[] {
  if (!isObject(annotations)) return [];
  const found = Object.keys(annotations).flatMap(key => keyProblems('metadata.annotations', key.toLowerCase()));
  let bytes = 0;
  for (const [key, value] of Object.entries(annotations)) bytes += Buffer.byteLength(key + String(value));
  if (bytes > 256 * 1024) {
    const message = 'Too long: may not be more than 262144 bytes';
    found.push({ reason: 'FieldValueTooLong', field: 'metadata.annotations', message });
  }
  return found;
}

function keyProblems(field: string, key: string): Cause[] {
  const slash = key.indexOf('/');
  const prefix = slash < 0 ? undefined : key.slice(0, slash);
  const name = key.slice(slash + 1);
  const found: Cause[] = [];
  if (prefix !== undefined && !matches(prefix, SUBDOMAIN)) {
    found.push(invalid(field, key, `prefix part ${NAME_RULES.subdomain.text}`));
  }
  if (name.length > 63) found.push(invalid(field, key, 'name part must be no more than 63 bytes'));
  if (!matches(name, QUALIFIED)) {
    found.push(
      invalid(
        field,
        key,
        `name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '${QUALIFIED}')`,
      ),
    );
  }
  return found;
}

/** What an update may not do to metadata. */
export function changeProblems(next: Metadata, old: Metadata): Cause[] {
  const found: Cause[] = [];
  if (next.uid !== old.uid) found.push(invalid('metadata.uid', next.uid, 'field is immutable'));
  const added = (next.finalizers ?? []).filter(finalizer => !old.finalizers?.includes(finalizer));
  if (old.deletionTimestamp && added.length > 0) {
    const list = added.map(finalizer => JSON.stringify(finalizer)).join(', ');
    found.push({
      reason: 'FieldValueForbidden',
      field: 'metadata.finalizers',
      message: `Forbidden: no new finalizers can be added if the object is being deleted, found new finalizers []string{${list}}`,
    });
  }
  return found;
}

/** What the decoder of kube-apiserver says about metadata of the wrong types. */
export function malformedMetadata(metadata: unknown): string | undefined {
  if (metadata === undefined || metadata === null) return undefined;
  if (!isObject(metadata)) return wrongType(metadata, '', 'v1.ObjectMeta');
  for (const field of ['labels', 'annotations']) {
    const map = metadata[field] ?? {};
    if (!isObject(map)) return wrongType(map, `.${field}`, 'map[string]string');
    const bad = Object.values(map).find(value => typeof value !== 'string' && value !== null);
    if (bad !== undefined) return wrongType(bad, `.${field}`, 'string');
  }
  const finalizers = metadata.finalizers ?? [];
  if (!Array.isArray(finalizers)) return wrongType(finalizers, '.finalizers', '[]string');
  const bad = finalizers.find(item => typeof item !== 'string');
  return bad === undefined ? undefined : wrongType(bad, '.finalizers', 'string');
}

function wrongType(value: unknown, field: string, wanted: string): string {
  const found = Array.isArray(value) ? 'array' : typeof value === 'boolean' ? 'bool' : typeof value;
  return `json: cannot unmarshal ${found} into Go struct field ObjectMeta${field} of type ${wanted}`;
}

export function sameMetadata(a: Metadata, b: Metadata): boolean {
  const { managedFields: _a, resourceVersion: _ra, ...one } = a;
  const { managedFields: _b, resourceVersion: _rb, ...other } = b;
  return sameJson(one, other);
}

function matches(value: string, pattern: string): boolean {
  return new RegExp(`^(?:${pattern})$`, 'u').test(value);
}
