import fc from 'fast-check';
import { expect, test } from 'vitest';
import { decodedMail } from './mail.ts';
import { parsePatch } from './parse.ts';
import { touchedBy } from './touched.ts';

const ZAP = `diff --git a/arch/x86/kvm/mmu/mmu.c b/arch/x86/kvm/mmu/mmu.c
index 1111111..2222222 100644
--- a/arch/x86/kvm/mmu/mmu.c
+++ b/arch/x86/kvm/mmu/mmu.c
@@ -100,9 +100,11 @@ void kvm_zap_gfn_range(struct kvm *kvm, gfn_t gfn_start, gfn_t gfn_end)
 	bool flush = false;
 
 	write_lock(&kvm->mmu_lock);
-	kvm_inc_notifier_count(kvm, gfn_start, gfn_end);
+	/* kvm_forgotten() is told later. */
+	kvm_mmu_invalidate_begin(kvm, 0, -1ul);
+	mutex_lock(&kvm->arch.other_lock);
 	flush = kvm_rmap_zap_gfn_range(kvm, gfn_start, gfn_end);
 	write_unlock(&kvm->mmu_lock);
 }
 
-static int of_old(struct kvm *kvm);
+static int of_new(struct kvm *kvm);
`;

function names(text: string): string[] {
  return touchedBy(parsePatch(text)).flatMap(({ functions }) => functions.map(({ name }) => name));
}

test('the function above a hunk is touched, with calls and locks; comments and prototypes are not calls', () => {
  const [file] = touchedBy(parsePatch(ZAP));
  expect(file?.functions).toHaveLength(1);
  const [zap] = file?.functions ?? [];
  expect(zap).toMatchObject({ name: 'kvm_zap_gfn_range', added: 3, removed: 1 });
  expect([...(zap?.calls ?? [])]).toEqual([
    'kvm_inc_notifier_count',
    'kvm_mmu_invalidate_begin',
    'mutex_lock',
  ]);
  expect(zap?.locks).toEqual(['+ mutex_lock(&kvm->arch.other_lock)']);
  expect(file?.outside).toBe(2);
});

test('a function that begins inside the hunk takes what follows it', () => {
  const text = `--- a/virt/kvm/x.c\n+++ b/virt/kvm/x.c\n@@ -1,4 +1,9 @@ static void first(void)
 	a();
 }
 
+static int second(struct kvm *kvm,
+		  int n)
+{
+	return b(n);
+}
 /* end */
`;
  expect(names(text)).toEqual(['second']);
});

test('a diff that a mail quotes is read, answers between its lines are not', () => {
  const quoted = ZAP.split('\n').map((line) => `> >>${line}`);
  quoted.splice(9, 0, '> I would not do that.', '');
  expect(names(quoted.join('\n'))).toEqual(['kvm_zap_gfn_range']);
});

test('a diff without its leading white space is read', () => {
  const stripped = ZAP.split('\n').map((line) => line.replace(/^([+-]?)\s+/, '$1'));
  expect(names(stripped.join('\n'))).toEqual(['kvm_zap_gfn_range']);
});

test('mails in quoted-printable and base64 are decoded', () => {
  const head = 'From 1 Mon Sep 17 00:00:00 2001\nSubject: x\n';
  const qp = ZAP.replaceAll('=', '=3D').replace('gfn_t gfn_start, gfn_t', 'gfn_t gfn_start, =\ngfn_t');
  expect(names(`${head}Content-Transfer-Encoding: quoted-printable\n\n${qp}`)).toEqual(['kvm_zap_gfn_range']);
  const base64 = (
    Buffer.from(ZAP)
      .toString('base64')
      .match(/.{1,76}/g) ?? []
  ).join('\n');
  expect(names(`${head}Content-Transfer-Encoding: base64\n\n${base64}`)).toEqual(['kvm_zap_gfn_range']);
  expect(decodedMail('a =3D b')).toBe('a =3D b');
});

test('several mails of an mbox give the files of each', () => {
  const two = `From 1 Mon Sep 17 00:00:00 2001\nSubject: 1\n\n${ZAP}-- \n2.40\n\nFrom 2 Mon Sep 17 00:00:00 2001\nSubject: 2\n\n${ZAP}`;
  expect(names(two)).toEqual(['kvm_zap_gfn_range', 'kvm_zap_gfn_range']);
});

test('no text is too damaged to be read', () => {
  const lines = ZAP.split('\n');
  const damaged = fc.array(
    fc.oneof(
      fc.constantFrom(
        ...lines,
        '',
        '> ',
        '--',
        '-- ',
        '+++ ',
        '--- /dev/null',
        '@@ -1 +1,99999 @@',
        '\\ No newline',
      ),
      fc.string(),
    ),
    { maxLength: 40 },
  );
  fc.assert(
    fc.property(
      damaged,
      fc.constantFrom('\n', '\r\n'),
      fc.constantFrom('', '> ', '>>'),
      (some, end, quote) => {
        const text = some.map((line) => quote + line).join(end);
        for (const { functions, outside } of touchedBy(parsePatch(text))) {
          const lines = functions.reduce((sum, { added, removed }) => sum + added + removed, outside);
          expect(lines).toBeLessThanOrEqual(some.length + text.split('\n').length);
        }
      },
    ),
    { numRuns: 500 },
  );
});

test('a long line and a long text are read in time', () => {
  const long = `${ZAP}@@ -1 +1 @@ f(\n+${'a ('.repeat(20_000)}\n${'> '.repeat(20_000)}\n${' static int f'.repeat(5_000)}(\n`;
  const began = Date.now();
  parsePatch(long.repeat(3));
  touchedBy(parsePatch(long));
  expect(Date.now() - began).toBeLessThan(5000);
});
