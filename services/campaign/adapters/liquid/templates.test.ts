import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { liquidTemplates } from './templates.ts';

const templates = liquidTemplates();
const ada = { firstName: 'Ada', lastName: 'Lovelace', phone: '+447700900123', email: 'ada@example.com', fields: { city: 'London' } };
const render = (body: string, variables = ada): string => templates.compile(body)(variables);

describe('templates', () => {
  it('fills in names, custom fields and defaults', () => {
    assert.equal(render('Hi {{ firstName }} of {{ fields.city }}'), 'Hi Ada of London');
    assert.equal(render('Hi {{ firstName | default: "friend" }}', { ...ada, firstName: '' }), 'Hi friend');
    assert.equal(render('{{ fields.missing | default: "?" }}{{ nobody }}'), '?');
    assert.equal(render('{% if fields.city == "London" %}UK{% else %}abroad{% endif %}'), 'UK');
  });

  it('keeps what looks like a pattern in a value as it is', () => {
    assert.equal(render('{{ firstName }}!', { ...ada, firstName: "$& $1 {{ phone }} $'" }), "$& $1 {{ phone }} $'!");
  });

  it('names the line of a syntax error', () => {
    assert.equal(templates.check('Hello {{ firstName }}'), undefined);
    assert.match(templates.check('one\ntwo {{ firstName') ?? '', /^Line 2: /);
    assert.match(templates.check('one\n\n{% if x %}never closed') ?? '', /^Line 3: /);
    assert.match(templates.check('{{ firstName | shout }}') ?? '', /^Line 1: .*shout/);
    assert.match(templates.check('{% nonsense %}') ?? '', /^Line 1: /);
  });

  it('reads no file and no partial', () => {
    for (const tag of ['include', 'render', 'layout']) assert.match(templates.check(`{% ${tag} "/etc/passwd" %}`) ?? '', /^Line 1: /, tag);
  });

  it('reaches nothing but own properties of the variables', () => {
    assert.equal(render('{{ firstName.constructor.name }}{{ fields.__proto__.toString }}{{ constructor }}'), '');
  });

  it('stops a text that costs too much', () => {
    assert.throws(() => render('{% for i in (1..1000000000) %}x{% endfor %}'));
    assert.throws(() =>
      render('{% for a in (1..9999) %}{% for b in (1..9999) %}{% for c in (1..9999) %}{{ a }}{% endfor %}{% endfor %}{% endfor %}'),
    );
    assert.throws(() =>
      render('{% assign s = "xxxxxxxxxxxxxxxxxxxx" %}{% for i in (1..40) %}{% assign s = s | append: s %}{% endfor %}{{ s }}'),
    );
    assert.match(templates.check('x'.repeat(5_000)) ?? '', /limit/);
  });
});
