import assert from 'node:assert/strict';
import { it } from 'node:test';
import { intentOf, replies } from './keywords.ts';
import { segment } from './segments.ts';

const expected = {
  stop: [
    'STOP',
    'stop',
    ' Stop. ',
    'STOPALL',
    'stop all',
    'Stop!!!',
    'UNSUBSCRIBE',
    'cancel',
    'END',
    'Quit',
    'revoke',
    'OPTOUT',
    'opt-out',
    'Opt out',
    'remove',
    'ARRET',
    'arrêt',
    '« Arrêter »',
    'BAJA',
    'stopp',
    '"stop"',
  ],
  start: ['START', 'unstop', 'Yes', 'start.'],
  help: ['HELP', 'info', 'Help?'],
  other: ['please stop by tomorrow', 'hello', '', '...', 'yes please', 'non-stop music', 'helpful'],
} as const;

for (const [intent, texts] of Object.entries(expected)) {
  it(`reads ${intent} in ${texts.length} wordings`, () => {
    for (const text of texts) assert.equal(intentOf(text), intent, JSON.stringify(text));
  });
}

it('answers in one segment each', () => {
  for (const { text } of Object.values(replies)) assert.equal(segment(text).parts.length, 1);
});
