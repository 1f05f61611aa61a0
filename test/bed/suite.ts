/** How a suite of the bed gets its control plane, and says so where this machine cannot give one. */
import { MissingTool } from './build.ts';
import { type ControlPlane, startControlPlane } from './controlPlane.ts';

/**
 * For a `before` hook. Without Go or openssl the suite is skipped and says why; with CI=true that is a failure,
 * since a skip that nobody reads would pass for a success.
 */
export async function controlPlaneFor(context: Mocha.Context): Promise<ControlPlane> {
  // the first run of all builds the API server
  context.timeout(30 * 60_000);
  try {
    return await startControlPlane({ say: line => console.log(`  ${line}`) });
  } catch (error) {
    if (!(error instanceof MissingTool) || process.env['CI'] === 'true') throw error;
    console.log(`  skipped: ${error.message}`);
    return context.skip();
  }
}
