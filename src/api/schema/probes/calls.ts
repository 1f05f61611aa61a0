/** Probes that call something of the author's. */
import { z } from 'zod';
import { containerPort, dnsLabel } from '../field.ts';
import { ruled } from '../rule.ts';

const statuses = ruled(
  z
    .string()
    .max(7)
    .regex(/^[1-5][0-9]{2}(-[1-5][0-9]{2})?$/, 'must be a status such as "204", or a range such as "200-299"'),
  {
    cel: 'self.size() < 7 || self.substring(0, 3) <= self.substring(4, 7)',
    holds: range => range.length < 7 || range.slice(0, 3) <= range.slice(4),
    message: 'the range must begin with its lowest status',
  },
);

/** Kubernetes leaves room for what it appends to the names of Jobs. */
const cronJobName = dnsLabel.max(52);

export const http = z.strictObject({
  service: dnsLabel.describe('Name of the Service.'),
  namespace: dnsLabel
    .optional()
    .describe('Of the Service. Only in the mesh root namespace; unless given, the namespace of this object.'),
  port: containerPort.describe('Port of the Service.'),
  path: z
    .string()
    .min(1)
    .max(1024)
    .regex(/^\/[!"$-~]*$/, 'must begin with "/" and hold no space, no "#" and nothing beyond ASCII')
    .describe('Path of the request, with its query.'),
  scheme: z
    .enum(['HTTP', 'HTTPS'])
    .default('HTTP')
    .describe('HTTPS takes any certificate, as the probes of the kubelet do.'),
  expectStatus: statuses
    .default('200-399')
    .describe('Statuses that are healthy: one, or a range. A redirect is an answer, and is not followed.'),
});

export const job = z.strictObject({
  cronJob: cronJobName.describe(
    'Name of the CronJob whose jobTemplate is run; it must carry mtlsrollout.io/probe: "true".',
  ),
  namespace: dnsLabel
    .optional()
    .describe('Of the CronJob. Only in the mesh root namespace; unless given, the namespace of this object.'),
});

const MOST_METADATA = 16;

export const webhook = z.strictObject({
  name: dnsLabel.describe('Name of the receiver in the configuration of the operator.'),
  metadata: ruled(
    z.record(z.string(), z.string().max(1024)),
    {
      cel: 'self.all(key, key.size() >= 1 && key.size() <= 63)',
      holds: metadata => Object.keys(metadata).every(key => key.length >= 1 && key.length <= 63),
      message: 'keys must have 1 to 63 characters',
    },
    {
      // The API server knows this one as maxProperties.
      holds: metadata => Object.keys(metadata).length <= MOST_METADATA,
      message: `must have at most ${MOST_METADATA} items`,
    },
  )
    .meta({ maxProperties: MOST_METADATA })
    .default({})
    .describe('Sent with the request.'),
});
