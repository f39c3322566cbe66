import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { extractCode, normaliseCode } from './code.ts';

/** Wordings as operators send them, in many languages; the second half of the pair is the code. */
const corpus: readonly (readonly [text: string, code: string])[] = [
  ['Telegram code: 48213', '48213'],
  ['Telegram code 482913. You can also tap on this link to log in: https://t.me/login/482913', '482913'],
  ['Your WhatsApp code: 123-456. You can also tap on this link to verify your phone: v.whatsapp.com/123456', '123456'],
  ["Your WhatsApp Business code 731-204. Don't share this code with others", '731204'],
  ['<#> Your WhatsApp code: 920-118 4sgLq1p5sV6', '920118'],
  ['G-482913 is your Google verification code.', '482913'],
  ['G-004217 ist dein Google-Bestätigungscode.', '004217'],
  ['Use 550123 as your Facebook login code', '550123'],
  ["12345 is your Instagram code. Don't share it. #ig", '12345'],
  ['Instagram: 123 456 is your code', '123456'],
  ['Your Twitter confirmation code is 778812.', '778812'],
  ['[TikTok] 4827 is your verification code, valid for 5 minutes.', '4827'],
  ['Your Discord verification code is: 640 219', '640219'],
  ['Your OpenAI verification code is: 903311', '903311'],
  ["Your Apple ID Code is: 559213. Don't share it with anyone. @apple.com #559213 %apple.com", '559213'],
  ['Use 7741 as Microsoft account security code', '7741'],
  ['Microsoft access code: 0192', '0192'],
  ['123456 is your Amazon OTP. Do not share it with anyone.', '123456'],
  ['Your Uber code is 4419. Never share this code. Reply STOP ALL to +44 7400 123456 to unsubscribe.', '4419'],
  ['Uber: 2204 is your code. Call +1 415 555 2671 for help', '2204'],
  ['Your Airbnb verification code is: 663201.', '663201'],
  ['LINE: Enter 903 118 into LINE within the next 30 mins.', '903118'],
  ["Viber: your code is 448120. If you didn't request it, ignore.", '448120'],
  ['Steam verification code: 20391', '20391'],
  ['PIN: 0071', '0071'],
  ['Your one-time passcode is 88201937', '88201937'],
  ['Copyright 2026 Example. Your code: 1968', '1968'],
  ['21.11.2026 14:05 Your login code is 5521', '5521'],
  ['On Nov 21, 2026 you asked for a code: 771204', '771204'],
  ['Code 4411 expires at 14:30 on 2026-11-21.', '4411'],
  ['Your code is 5012. It expires in 10 minutes. © 2026', '5012'],
  ['Order 99812345678 shipped. OTP 3391', '3391'],
  ['Account ****1234: your code is 90817', '90817'],
  ['You paid USD 1500.00; confirm with 482211', '482211'],
  ['Rs.5000 transfer: OTP is 661209. Valid till 21/11/26', '661209'],
  ['Ihr Bestätigungscode lautet 402881. Gültig bis 18:45 Uhr.', '402881'],
  ['Dein Code für die Anmeldung: 77-12-04? Nein: 771204', '771204'],
  ['Votre code de vérification est le 340912', '340912'],
  ['Votre code TikTok : 5567. Ne le partagez pas.', '5567'],
  ['Su código de verificación es 882013', '882013'],
  ['Tu código de Telegram es 19284', '19284'],
  ['Seu código do WhatsApp: 601-922', '601922'],
  ['O seu código de confirmação é 7720.', '7720'],
  ['Il tuo codice di verifica è 552190', '552190'],
  ['Twój kod weryfikacyjny to 300127', '300127'],
  ['Váš ověřovací kód: 918273', '918273'],
  ['Kod weryfikacyjny: 4492. Nie udostępniaj.', '4492'],
  ['Doğrulama kodunuz: 220931', '220931'],
  ['Telegram giriş kodunuz 60112', '60112'],
  ['Ваш код подтверждения: 551902', '551902'],
  ['Код для входа 4471. Никому его не сообщайте!', '4471'],
  ['Ваш код WhatsApp: 330-914', '330914'],
  ['Ваш код підтвердження 90121', '90121'],
  ['【微信】验证码：402913，5分钟内有效。', '402913'],
  ['【TikTok】您的验证码是 7719，请勿泄露。', '7719'],
  ['【抖音】2026年11月21日，验证码551203', '551203'],
  ['認証コード：481920 LINEで入力してください', '481920'],
  ['あなたの確認コードは 3391 です。', '3391'],
  ['[카카오톡] 인증번호 5512를 입력하세요.', '5512'],
  ['[Web발신] 인증번호 [290114]', '290114'],
  ['رمز التحقق الخاص بك هو 663120', '663120'],
  ['رمز واتساب: ١٢٣-٤٥٦', '123456'],
  ['کد تأیید شما: ۴۸۲۹۱', '48291'],
  ['קוד האימות שלך הוא 551209', '551209'],
  ['รหัส OTP ของคุณคือ 771923', '771923'],
  ['Mã xác minh của bạn là 402193', '402193'],
  ['Kode verifikasi Anda adalah 550192. Jangan berikan kepada siapa pun.', '550192'],
  ['KODE OTP: 8831. JANGAN BERI KODE KE SIAPAPUN', '8831'],
  ['Ang iyong code ay 120945', '120945'],
  ['आपका ओटीपी ४४२१ है', '4421'],
  ['আপনার কোড ৯৯১২৩৪', '991234'],
  ['Ο κωδικός σας είναι 551802', '551802'],
  ['Codul tău de verificare este 118822', '118822'],
  ['Az ellenőrző kód: 661100', '661100'],
  ['Din verifieringskod är 449102', '449102'],
  ['Vahvistuskoodisi on 330912', '330912'],
  ['Uw verificatiecode is 908172', '908172'],
  ['５５１２０９ があなたのコードです', '551209'],
  ['\u200eYour code: \u202a482‑913\u202c', '482913'],
  ['Welcome! Call us on +49 30 901820 or (212) 555-0199.', ''],
  ['Hello there, no digits at all', ''],
  ['Happy new year! See you on 31.12.2026 at 23:59', ''],
];

describe('extractCode', () => {
  it(`has a corpus worth the name (${corpus.length} texts)`, () => assert.ok(corpus.length >= 60));
  for (const [text, code] of corpus) it(text, () => assert.equal(extractCode(text), code));

  it('believes the provider first, without hyphens', () => {
    assert.equal(extractCode('anything 9999', '123-456'), '123456');
    assert.equal(extractCode('anything 9999', 'G-482913'), '482913');
    assert.equal(extractCode('code K7P2QX', 'K7P2QX'), 'K7P2QX');
  });
  it('does not believe a provider that parsed no code', () => {
    assert.equal(extractCode('your code is 9981', 'your code is'), '9981');
    assert.equal(extractCode('your code is 9981', ''), '9981');
  });
  it('never throws and only answers with what stands in the text, whatever the text', () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 200, unit: 'binary' }), (text) => {
        const code = extractCode(text);
        assert.match(code, /^(?:\d{4,8})?$/);
        assert.ok(code === '' || normaliseCode(text).includes(code));
      }),
      { numRuns: 2_000 },
    );
  });
  it('is quick on hostile texts', () => {
    for (const text of [
      '1 '.repeat(20_000),
      '12-'.repeat(20_000),
      '+1'.repeat(30_000),
      '1.'.repeat(30_000),
      'code'.repeat(15_000),
      '1234 '.repeat(13_000),
    ]) {
      const startedAt = performance.now();
      extractCode(text);
      assert.ok(performance.now() - startedAt < 1_000, `${text.slice(0, 8)}… took ${Math.round(performance.now() - startedAt)} ms`);
    }
  });
});
