/** What a manifest must be for its kind: as much as rules rely on, and no more; the API server checks the rest. */
import { z } from 'zod';
import { explain, sentences } from '../../api/problems.ts';
import { fieldsOf } from '../../istio/fields.ts';
import type { KindName } from '../../istio/inventory/kinds.ts';

const texts = z.record(z.string(), z.string()).nullish();
const selector = z.looseObject({ matchLabels: texts }).nullish();
const mtls = z.looseObject({ mode: z.enum(['UNSET', 'DISABLE', 'PERMISSIVE', 'STRICT']).nullish() });
const clientTls = z.looseObject({ mode: z.enum(['DISABLE', 'SIMPLE', 'MUTUAL', 'ISTIO_MUTUAL']).nullish() }).nullish();
const port = z.int().min(1).max(65_535);
const portOrName = z.custom<number | string>(
  value => (typeof value === 'string' ? value !== '' : port.safeParse(value).success),
  'must be a port from 1 to 65535, or the name of one',
);

const portKey = z
  .string()
  .refine(key => /^\d+$/.test(key) && port.safeParse(Number(key)).success, 'the key must be a port from 1 to 65535');

const peerAuthentication = z
  .looseObject({ selector, mtls: mtls.nullish(), portLevelMtls: z.record(portKey, mtls).nullish() })
  .refine(spec => !spec.portLevelMtls || Object.keys(fieldsOf(spec.selector?.matchLabels)).length > 0, {
    path: ['portLevelMtls'],
    message: 'needs spec.selector.matchLabels',
    // together with whatever else is wrong
    when: ({ value }) => typeof value === 'object' && value !== null,
  });

const destinationRule = z.looseObject({
  host: z.string().min(1),
  trafficPolicy: z
    .looseObject({
      tls: clientTls,
      portLevelSettings: z
        .array(z.looseObject({ port: z.looseObject({ number: port }).nullish(), tls: clientTls }))
        .nullish(),
    })
    .nullish(),
});

const service = z.looseObject({
  selector: texts,
  ports: z.array(z.looseObject({ port, targetPort: portOrName.nullish(), nodePort: z.int().nullish() })).nullish(),
});

const containers = z
  .array(z.looseObject({ name: z.string(), ports: z.array(z.looseObject({ containerPort: port })).nullish() }))
  .nullish();
const podSpec = z.looseObject({ containers, initContainers: containers });
const template = z.looseObject({ metadata: z.looseObject({ labels: texts }).nullish(), spec: podSpec });
const workload = z.looseObject({ template });
/** An Argo Rollout may take its template from a Deployment. */
const argoRollout = z.looseObject({ template: template.nullish() });
const cronJob = z.looseObject({ jobTemplate: z.looseObject({ spec: workload }) });

const SPECS: Partial<Record<KindName, z.ZodType>> = {
  PeerAuthentication: peerAuthentication.nullish(),
  DestinationRule: destinationRule,
  Service: service,
  Deployment: workload,
  StatefulSet: workload,
  DaemonSet: workload,
  Job: workload,
  CronJob: cronJob,
  Rollout: argoRollout,
  Pod: podSpec,
};

const envelope = z.looseObject({
  apiVersion: z.string().min(1),
  kind: z.string().min(1),
  metadata: z.looseObject({
    name: z.string().min(1),
    namespace: z.string().nullish(),
    labels: texts,
    annotations: texts,
  }),
});

/** Whether it is an object of Kubernetes at all. */
export function envelopeProblems(object: unknown): string[] {
  return problemsOf('', envelope, object);
}

export function specProblems(kind: KindName, spec: unknown): string[] {
  const schema = SPECS[kind];
  return schema ? problemsOf('spec', schema, spec) : [];
}

function problemsOf(root: string, schema: z.ZodType, value: unknown): string[] {
  const issues = schema.safeParse(value, { error: explain }).error?.issues ?? [];
  // what is wrong with a key stands one level deeper
  const told = issues.map(issue =>
    issue.code === 'invalid_key' ? { ...issue, message: issue.issues[0]?.message ?? issue.message } : issue,
  );
  return sentences(root, told);
}
