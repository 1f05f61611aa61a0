/**
 * Who manages an object besides people: a GitOps tool, Helm or a controller. Such a manager would revert a change that
 * somebody else makes, so its objects are not patched without leave.
 */
import type { ObjectMeta } from '../api/resource.ts';
import { fieldsOf, labelsOf, listOf, textOf } from './fields.ts';

/** A label or annotation by which a tool marks what is its own, and the words for its value. */
interface Mark {
  in: 'labels' | 'annotations';
  key: string;
  words: (value: string) => string;
}

const MARKS: readonly Mark[] = [
  // `<application>:<group>/<kind>:<namespace>/<name>`
  {
    in: 'annotations',
    key: 'argocd.argoproj.io/tracking-id',
    words: id => `Argo CD application ${id.split(':')[0]}`,
  },
  { in: 'labels', key: 'argocd.argoproj.io/instance', words: name => `Argo CD application ${name}` },
  { in: 'labels', key: 'kustomize.toolkit.fluxcd.io/name', words: name => `Flux Kustomization ${name}` },
  { in: 'labels', key: 'helm.toolkit.fluxcd.io/name', words: name => `Flux HelmRelease ${name}` },
  { in: 'annotations', key: 'meta.helm.sh/release-name', words: name => `Helm release ${name}` },
  { in: 'annotations', key: 'config.k8s.io/owning-inventory', words: id => `kpt inventory ${id}` },
];

/** Writers that appear in `managedFields`. Any other name, kubectl's among them, stands for a person. */
const WRITERS: ReadonlyMap<string, string> = new Map([
  ['argocd-controller', 'Argo CD'],
  ['argocd-application-controller', 'Argo CD'],
  ['kustomize-controller', 'Flux kustomize-controller'],
  ['helm-controller', 'Flux helm-controller'],
]);

/** Words for a message, such as `Argo CD application shop`; undefined when only people look after the object. */
export function managerOf({ metadata }: { metadata: ObjectMeta }): string | undefined {
  const unchecked = fieldsOf(metadata);
  return controllerOf(unchecked['ownerReferences']) ?? markOf(unchecked) ?? writerOf(unchecked['managedFields']);
}

function controllerOf(ownerReferences: unknown): string | undefined {
  const owner = listOf(ownerReferences).find(({ controller }) => controller === true);
  return owner && `${textOf(owner['kind']) || 'controller'} ${textOf(owner['name'])}`.trim();
}

function markOf(metadata: Readonly<Record<string, unknown>>): string | undefined {
  const marks = { labels: labelsOf(metadata['labels']), annotations: labelsOf(metadata['annotations']) };
  const mark = MARKS.find(({ in: place, key }) => marks[place][key]);
  if (mark) return mark.words(marks[mark.in][mark.key] ?? '');
  if (marks.labels['app.kubernetes.io/managed-by'] === 'Helm') return 'Helm';
  return marks.annotations['configmanagement.gke.io/managed'] === 'enabled' ? 'Config Sync' : undefined;
}

function writerOf(managedFields: unknown): string | undefined {
  for (const { manager } of listOf(managedFields)) {
    const words = WRITERS.get(textOf(manager));
    if (words) return words;
  }
  return undefined;
}
