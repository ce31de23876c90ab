// Walks through the service as a reader does, in a real browser, and looks at each page with axe:
// subscribe, read the letter, confirm, choose, leave with one click, come back, be forgotten.
//
//   node walk.mjs ORIGIN OUTBOX [SHOTS]
//
// ORIGIN   where the service runs, path prefix included, such as http://127.0.0.1:8025/
// OUTBOX   the Maildir that it posts into
// SHOTS    a folder for screenshots
//
// Needs playwright-core and axe-core (BROWSER_TOOLS names the folder that holds them) and a
// Chromium (CHROMIUM, else /usr/bin/chromium). Without them it says so and ends with 0: the walk
// is a check, not a part of the product.
import { createRequire } from 'node:module';
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import path from 'node:path';

const tools = process.env.BROWSER_TOOLS ?? '.';
const chromiumPath = process.env.CHROMIUM ?? '/usr/bin/chromium';
const need = createRequire(path.resolve(tools, 'x.js'));
let chromium, axe;
try {
  ({ chromium } = need('playwright-core'));
  axe = readFileSync(need.resolve('axe-core/axe.min.js'), 'utf8');
} catch {
  console.log('skipped: playwright-core and axe-core are not here');
  process.exit(0);
}
if (!existsSync(chromiumPath)) {
  console.log('skipped: there is no Chromium');
  process.exit(0);
}
const [origin, outbox, shots] = process.argv.slice(2);
const launch = { executablePath: chromiumPath, headless: true, args: ['--no-sandbox', '--disable-gpu'] };
const browser = await chromium.launch(launch);
let violations = 0;
let looked = 0;

function expect(condition, what) {
  if (!condition) throw new Error(what);
}

// Scripts are off in the pages, as the policy demands; axe looks at a copy in a page of its own.
async function look(page, name) {
  looked += 1;
  for (const [width, scheme] of [[1280, 'light'], [375, 'light'], [1280, 'dark'], [320, 'dark']]) {
    const context = await browser.newContext({ viewport: { width, height: 800 }, colorScheme: scheme, bypassCSP: true });
    const copy = await context.newPage();
    const html = await page.content();
    const style = await (await context.request.get(new URL('style.css', origin).href)).text();
    await copy.setContent(html.replace(/<link rel="stylesheet"[^>]*>/, `<style>${style}</style>`));
    await copy.evaluate(axe);
    const found = await copy.evaluate(() => axe.run(document, {
      runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'],
    }));
    for (const violation of found.violations) {
      violations += 1;
      console.log(`${name} ${width} ${scheme}: ${violation.id}: ${violation.help}`);
      for (const node of violation.nodes) console.log(`    ${node.html}`);
    }
    const wide = await copy.evaluate(() => document.documentElement.scrollWidth > window.innerWidth);
    expect(!wide, `${name} scrolls sideways at ${width}`);
    if (shots && name.match(/-(form|leave|preferences)$/) && width !== 320) {
      await copy.screenshot({ path: path.join(shots, `${name}-${width}-${scheme}.png`), fullPage: true });
    }
    await context.close();
  }
}

// The newest letter to an address: waits for it, decodes it, gives the links of its text.
async function letter(to, before) {
  for (let tries = 0; tries < 100; tries += 1) {
    const names = existsSync(`${outbox}/new`) ? readdirSync(`${outbox}/new`) : [];
    const texts = names.map((name) => readFileSync(`${outbox}/new/${name}`, 'latin1'));
    const mine = texts.filter((text) => text.includes(`To: ${to}`));
    if (mine.length > before) {
      const last = mine.sort((a, b) => date(a) - date(b)).at(-1);
      return last.replace(/=\r\n/g, '').replace(/=([0-9A-F]{2})/g,
        (_, hex) => String.fromCharCode(parseInt(hex, 16)));
    }
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error(`no letter to ${to}`);
}

function date(text) {
  return Date.parse(text.match(/^Date: (.*)$/m)[1]);
}

// The path of a link, as it leads to where the service runs now.
function link(text, kind) {
  const found = text.match(new RegExp(`https?://\\S*?/(${kind}/[a-z2-7]{32}\\?lang=[a-z]+)`));
  expect(found, `no link to ${kind}`);
  return new URL(found[1], origin).href;
}

try {
  for (const lang of ['fr', 'en']) {
    const context = await browser.newContext({ javaScriptEnabled: false, locale: lang });
    const page = await context.newPage();
    const address = `walk-${lang}-${process.pid}@example.org`;
    const press = async () => { await page.click('main button'); };

    await page.goto(`${origin}?lang=${lang}`);
    expect(await page.getAttribute('html', 'lang') === lang, 'the page is in the other language');
    await look(page, `${lang}-form`);
    // The keyboard alone reaches the field and the button.
    await page.focus('#email');
    await page.keyboard.type('nobody@nowhere');
    await page.keyboard.press('Enter');
    expect(await page.locator('[role=alert]').count() === 1, 'the wrong address is not named');
    await look(page, `${lang}-wrong`);
    await page.fill('#email', address);
    const topic = page.locator('input[type=checkbox]').first();
    const topics = await topic.count();
    if (topics) await topic.check();
    await press();
    await look(page, `${lang}-sent`);

    const confirm = await letter(address, 0);
    await page.goto(link(confirm, 'confirm'));
    await look(page, `${lang}-confirm`);
    await press();
    await look(page, `${lang}-confirmed`);

    const welcome = await letter(address, 1);
    const preferences = link(welcome, 'preferences');
    const leave = link(welcome, 'unsubscribe');
    await page.goto(preferences);
    if (topics) expect(await page.locator('input[type=checkbox]').first().isChecked(), 'the choice is lost');
    await look(page, `${lang}-preferences`);
    if (await page.locator('form input[type=radio]').count()) {
      await page.locator('input[name=language]').last().check();
      await press();
      await look(page, `${lang}-saved`);
    }

    // Mail providers post without cookies and read no page (RFC 8058).
    const clicked = await fetch(leave, {
      method: 'POST', body: 'List-Unsubscribe=One-Click', redirect: 'error',
      headers: { 'Content-Type': 'application/x-www-form-urlencoded' },
    });
    expect(clicked.status === 200, `one click: ${clicked.status}`);

    await page.goto(leave);
    await look(page, `${lang}-leave`);
    await press();
    await look(page, `${lang}-left`);
    await page.goto(new URL(`archive?lang=${lang}`, origin).href);
    await look(page, `${lang}-archive`);
    await page.goto(new URL(`nowhere?lang=${lang}`, origin).href);
    await look(page, `${lang}-nowhere`);
    expect((await context.cookies()).length === 0, 'there is a cookie');
    await context.close();
  }
} finally {
  await browser.close();
}
console.log(`${looked} pages looked at, ${violations} violations`);
process.exit(violations ? 1 : 0);
