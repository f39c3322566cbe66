/** What `make demo` shows a newcomer holds: the same walk, twice on one platform. */
import { after, before, test } from 'node:test';
import { walk } from '../../tools/walk.ts';
import { startTestPlatform, type TestPlatform } from '../support/platform.ts';

let platform: TestPlatform;
before(async () => {
  platform = await startTestPlatform();
});
after(() => platform?.stop());

test('the demo finds everything as it promises, and so does a second one on the same platform', async () => {
  await walk(platform);
  await walk(platform);
});
