#!/usr/bin/env python3
"""Makes a data directory of the speech and texts in unpacked Debian packages.

Reads the folder that contains usr/. Writes <out>/{wav.scp,text,utt2spk,utt2lang,utt2pkg} and <out>/dropped, lines
"utterance reason". Texts keep their case and punctuation, which the recipe's --normalize takes away; what needs the audio to
be looked at (lengths) is left to utils/filter_utts.sh.
"""
import collections
import glob
import gzip
import os
import re
import sys
import unicodedata

sys.path.append(os.path.join(os.environ.get('U2MOE_ROOT') or os.path.join(os.path.dirname(os.path.realpath(__file__)),
                                                                          '../../..'), 'utils'))
from u2moe_script import Options, die, run, say, writing

STAGE = re.compile(r'\[[^\]]*\]|\([^)]*\)|<[^>]*>')  # what is done, not said
SIGNS = re.compile(r'[$%&@#€£=°§/\\+*^~_|]')  # read as words that are not written
# Asterisk's voices: folder -> language, speaker. English and Spanish are one woman.
VOICES = {'en_US_f_Allison': ('en', 'ast-allison'), 'es_MX_f_Allison': ('es', 'ast-allison'),
          'fr_CA_f_June': ('fr', 'ast-june'), 'it_IT_m_Carlo': ('it', 'ast-carlo'),
          'ru_RU_f_IvrvoiceRU': ('ru', 'ast-ivrru')}
DIALOG = re.compile(r'dialogId\(\s*"((?:[^"\\]|\\.)*)"\s*,\s*"([^"]*)"\s*,\s*"(?:[^"\\]|\\.)*"\s*\)\s*'
                    r'dialogStr\(\s*"((?:[^"\\]|\\.)*)"\s*\)')


def spoken(text):
    """What is said, as it is written -> (text, None), or ('', why not).

    Only what this corpus asks for; case and punctuation are the recipe's --normalize. Stage directions are not said; texts
    with digits or signs do not say how these are read; ornaments are not read; an apostrophe is one however it is written;
    words that a dash or other punctuation joins ("wait...what") are two words, as they are said.
    """
    text = unicodedata.normalize('NFC', STAGE.sub(' ', text)).replace('\u2019', "'")
    kinds = [unicodedata.category(c) for c in text]
    if any(k[0] == 'N' for k in kinds):
        return '', 'digits, whose reading is not written'
    if SIGNS.search(text):
        return '', 'signs, whose reading is not written'
    if not any(k[0] == 'L' for k in kinds):
        return '', 'nothing is said'
    out = ''
    for i, (c, k) in enumerate(zip(text, kinds)):
        if k[0] in 'LM' or c == "'":
            out += c
        elif k == 'Pd':
            out += f' {c} '
        elif k[0] == 'P':
            after = kinds[i + 1][0] if i + 1 < len(text) else ' '
            out += c + (' ' if after in 'LM' and out.strip() and not out[-1].isspace() else '')
        elif k != 'Cf':
            out += ' '
    return ' '.join(out.split()), None


class Corpus:
    def __init__(self, langs):
        self.langs = langs
        self.rows = {}
        self.dropped = []

    def add(self, package, lang, speaker, name, path, text):
        if lang not in self.langs:
            return
        name = re.sub(r'[^\w.-]', '_', name)
        utt = f'{speaker}-{lang}-{name}'
        words, reason = spoken(text)
        if not reason and not os.path.isfile(path):
            reason = 'no recording'
        if not reason and utt in self.rows:
            reason = 'a second text for the same recording'
        if reason:
            self.dropped.append((utt, reason))
        else:
            self.rows[utt] = dict(wav=os.path.abspath(path), text=words, spk=speaker, lang=lang, pkg=package)


def asterisk(root, corpus):
    for folder, (lang, speaker) in VOICES.items():
        sounds = f'{root}/usr/share/asterisk/sounds/{folder}'
        for listing in glob.glob(f'{root}/usr/share/doc/asterisk-core-sounds-{lang}/core-sounds-{lang}.txt*'):
            opened = gzip.open if listing.endswith('.gz') else open
            with opened(listing, 'rt', encoding='utf-8-sig', newline=None) as f:
                for line in f:
                    key, colon, text = line.strip().partition(':')
                    if colon and key and not key.startswith(';'):
                        corpus.add('asterisk', lang, speaker, key.replace('/', '_'), f'{sounds}/{key}.wav', text)


def fillets(root, corpus):
    base = f'{root}/usr/share/games/fillets-ng'
    for script in sorted(glob.glob(f'{base}/script/*/dialogs_*.lua')):
        lang = os.path.basename(script)[len('dialogs_'):-len('.lua')]
        room = os.path.basename(os.path.dirname(script))
        sounds = f'{base}/sound/{room}/{lang}'
        if not os.path.isdir(sounds):
            continue
        with open(script, encoding='utf-8') as f:
            for key, font, text in DIALOG.findall(f.read()):
                who = re.sub('^font_', '', font) or 'nobody'
                corpus.add('fillets', lang, f'fil-{lang}-{who}', f'{room}_{key}', f'{sounds}/{key}.ogg',
                           re.sub(r'\\(.)', r'\1', text))


def tuxpaint(root, corpus):
    stamps = f'{root}/usr/share/tuxpaint/stamps'
    for folder, _, files in sorted(os.walk(stamps)):
        for file in sorted(files):
            m = re.fullmatch(r'(.+)_desc_(\w+)\.(?:ogg|wav)', file)
            if not m or not os.path.isfile(f'{folder}/{m[1]}.txt'):
                continue
            with open(f'{folder}/{m[1]}.txt', encoding='utf-8-sig', errors='replace') as f:
                said = [line.partition('=')[2] for line in f if line.startswith(f'{m[2]}.utf8=')]
            if said:
                name = os.path.relpath(f'{folder}/{m[1]}', stamps).replace('/', '_')
                corpus.add('tuxpaint', m[2], f'tux-{m[2]}', name, f'{folder}/{file}', said[0])


def festvox(root, corpus):
    voice = f'{root}/usr/share/festival/voices/russian/msu_ru_nsh_clunits'
    if not os.path.isfile(f'{voice}/etc/txt.done.data'):
        return
    with open(f'{voice}/etc/txt.done.data', encoding='utf-8') as f:
        for key, text in re.findall(r'\(\s*(\S+)\s+"(.*?)"\s*\)', f.read(), re.DOTALL):
            corpus.add('festvox', 'ru', 'nsh', key, f'{voice}/wav/{key}.wav', text.replace('+', ''))


def main():
    ap = Options(__doc__, details=True)
    ap.add_argument('--langs', required=True, type=str.split)
    ap.add_argument('root', help='folder that contains usr/')
    ap.add_argument('out', help='data directory')
    args = ap.parse()
    corpus = Corpus(args.langs)
    for source in (asterisk, fillets, tuxpaint, festvox):
        before = len(corpus.rows)
        source(args.root, corpus)
        say(f'{source.__name__}: {len(corpus.rows) - before} utterances')
    if not corpus.rows:
        die(f'{args.root} holds no speech in {" ".join(args.langs)}')
    os.makedirs(args.out, exist_ok=True)
    for table, field in (('wav.scp', 'wav'), ('text', 'text'), ('utt2spk', 'spk'), ('utt2lang', 'lang'), ('utt2pkg', 'pkg')):
        with writing(f'{args.out}/{table}') as f:
            f.writelines(f'{utt} {corpus.rows[utt][field]}\n' for utt in sorted(corpus.rows))
    with writing(f'{args.out}/dropped') as f:
        f.writelines(f'{utt} {reason}\n' for utt, reason in corpus.dropped)
    for reason, count in collections.Counter(r for _, r in corpus.dropped).most_common():
        say(f'left out: {count}: {reason}')


if __name__ == '__main__':
    run(main)
