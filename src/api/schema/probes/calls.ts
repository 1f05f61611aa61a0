/** Probes that call something of the author's. */
import { z } from 'zod';
import { containerPort, dnsLabel } from '../field.ts';

export const http = z.strictObject({
  service: dnsLabel.describe('Name of the Service.'),
  port: containerPort.describe('Port of the Service.'),
  path: z.string().min(1).max(1024).regex(/^\//, 'must begin with "/"').describe('Path of the request.'),
});
