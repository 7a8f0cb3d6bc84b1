"""Tasks, systems and results of the laboratory: what the files of tasks/, systems/ and results say, and nothing that runs.

A .conf file has sections in brackets, in them lines key=value, or in [convert], [phases] and [decode] lines of options; # begins a
comment line. Each line of [phases] is a training of its own with these options beside those of [train]; it begins with what the line
before made, and the training proper with what the last one made. In values of [model] and in [convert], {2h} is twice the hidden-dim of the task's own [model], {0.5d} half its
model-dim, {2t} two for each tag that utterances have in the system's file of tags (tags= in [about]); {fh}: three factors of the
hidden-dim, as 4x8x4. In values of [train], {lab} is the folder egs/moe-lab; in [convert], {feats},
{tokens}, {labels} (the first of the task's) and {seed} are those of training; in [phases], {from} is the trained model of from=.
"""
import glob
import hashlib
import json
import os
import re
import sys

HERE = os.path.dirname(os.path.realpath(__file__))
sys.path.append(os.path.join(os.environ.get('U2MOE_ROOT') or os.path.join(HERE, '../../..'), 'utils'))
from u2moe_script import die, expecting, read_bytes, read_json, text_lines, writing
from u2moe_text import printable

FORMAT = 1  # of results; part of every recipe's hash
MODES = ['greedy', 'prefix', 'rescoring']
SECTIONS = {'task': dict, 'about': dict, 'model': dict, 'train': dict, 'convert': list, 'phases': list, 'decode': list}
PLACE = re.compile(r'\{([0-9.]*)(f?)([hdt])\}')
SYSTEM_NAME = re.compile(r'[a-z][a-z0-9-]*\Z')


def read_conf(path):
    """{section: {key: value} or [line]} of a .conf file."""
    out, section = {}, None
    for number, line in enumerate(text_lines(path), 1):
        line = line.strip()
        if not line or line[0] == '#':
            continue
        heading = re.fullmatch(r'\[(\w+)\]', line)
        if heading:
            section = heading.group(1)
            if section not in SECTIONS:
                die(f'{path}:{number}: there is no section [{section}]; known: {", ".join(SECTIONS)}')
            if section in out:
                die(f'{path}:{number}: a second section [{section}]')
            out[section] = SECTIONS[section]()
            continue
        if section is None:
            die(f'{path}:{number}: a section such as [model] must come first')
        if SECTIONS[section] is list:
            out[section].append(line)
            continue
        key, equals, value = line.partition('=')
        if not equals or not key:
            die(f'{path}:{number}: "{printable(line)}" is not key=value')
        if key in out[section]:
            die(f'{path}:{number}: {key} stands twice in [{section}]')
        out[section][key] = value
    return {s: out.get(s, kind()) for s, kind in SECTIONS.items()}


def factors(number):
    """Three factors of about one size, the largest in the middle: 128 is 4x8x4."""
    parts, rest, prime = [1, 1, 1], [], 2
    while number > 1:
        while number % prime == 0:
            rest.append(prime)
            number //= prime
        prime += 1
    for p in sorted(rest, reverse=True):
        parts[parts.index(min(parts))] *= p
    low, middle, high = sorted(parts)
    return f'{low}x{high}x{middle}'


def expand(value, model, where):
    """value with {2h} and the like as numbers; model: the task's, with 'tags', how many there are."""
    names = {'h': 'hidden-dim', 'd': 'model-dim', 't': 'tags'}

    def number(match):
        times, shape, what = match.groups()
        with expecting(f'{where}: {match.group(0)} needs {names[what]}: of [model] of the task, or tags= in [about]'):
            size = max(1, round(float(times or 1) * int(model[names[what]])))
            return factors(size) if shape else str(size)
    return PLACE.sub(number, value)


class Task:
    """tasks/<name>.conf, changed by tasks/<name>.cut.conf for --cut; dir: where its data are (conf, data, dump, exp)."""

    def __init__(self, name, directory, cut=False, folder=f'{HERE}/../tasks'):
        path = f'{folder}/{name}.conf'
        if not os.path.exists(path):
            die(f'there is no tasks/{name}.conf; there is {", ".join(task_names(folder))}')
        conf = read_conf(path)
        if cut:
            for section, changes in read_conf(f'{folder}/{name}.cut.conf').items():
                if changes:
                    conf[section].update(changes)
        self.name, self.dir, self.cut, self.model, self.train = name, directory, cut, conf['model'], conf['train']
        with expecting(f'{path}: [task] lacks something'):
            task = conf['task']
            self.sets, self.dev, self.labels = task['sets'].split(), task['dev'], task['labels'].split()
            self.chunks, self.data_options = task['chunks'].split(), task['data-options']
            self.epochs, self.patience = int(task['epochs']), int(task['patience'])
            self.rates = [tuple(x.split(':')) for x in task['rates'].split()]
            self.grid_epochs, self.grid_seed = int(task['grid-epochs']), int(task['grid-seed'])
            [(float(rate), int(warmup)) for rate, warmup in self.rates]

    def data_hash(self):
        """Of what a result depends on beside the recipe: texts, lengths, tokens, units and the shape of features. Statistics
        of features are left out, whose last bits depend on the processor."""
        digest = hashlib.sha256()
        files = ['conf/fbank.conf', 'dump/units.txt', 'dump/train/tokens', 'dump/dev/tokens']
        files += [f'data/{s}/{f}' for s in ['train', self.dev, *self.sets] for f in ('text', 'utt2dur')]
        for file in files:
            path = f'{self.dir}/{file}'
            if not os.path.exists(path):
                die(f'{path} is missing: make the data first (--stage 1)')
            digest.update(f'{file}\n'.encode() + read_bytes(path))
        return digest.hexdigest()[:12]

    def num_tags(self, file):
        """How many values training has in data/train/<file>, such as utt2lang."""
        path = f'{self.dir}/data/train/{file}'
        if not os.path.exists(path):
            die(f'{path} is missing: {self.name} has no such tags of utterances')
        with expecting(f'{path}: not a tag for each utterance'):
            return len({line.split()[1] for line in text_lines(path)})

    def feature_dim(self):
        for line in text_lines(f'{self.dir}/conf/fbank.conf'):
            if line.startswith('num-mel-bins='):
                return line.partition('=')[2]
        return '23'  # compute-fbank-feats' own


def task_names(folder=f'{HERE}/../tasks'):
    return sorted(os.path.basename(p)[:-5] for p in glob.glob(f'{folder}/*.conf') if not p.endswith('.cut.conf'))


class System:
    """systems/<name>.conf."""

    def __init__(self, name, folder=f'{HERE}/../systems'):
        path = f'{folder}/{name}.conf'
        if not SYSTEM_NAME.match(name) or not os.path.exists(path):
            die(f'there is no systems/{printable(name)}.conf; there is {", ".join(system_names(folder))}')
        conf = read_conf(path)
        about = conf['about']
        with expecting(f'{path}: [about] lacks something'):
            self.what, self.source, self.compares = about['what'], about['source'], about['compares']
        # streams: whether chunks can be decoded; new: a build may not know its options.
        self.streams, self.new = about.get('streams', 'true') == 'true', about.get('new', 'false') == 'true'
        self.tags = about.get('tags', '')
        self.start, self.model_of = about.get('from', ''), about.get('model-of', '')
        self.name, self.model, self.train = name, conf['model'], conf['train']
        self.convert, self.phases, self.decode = conf['convert'], conf['phases'], conf['decode']
        if self.compares not in ('anchor', 'active', 'total'):
            die(f'{path}: compares={self.compares}: it is anchor, active or total')
        if bool(self.start) != bool(self.convert):
            die(f'{path}: from=, the system to begin with, and [convert] go together')
        if not self.start and any('{from}' in line for line in self.phases):
            die(f'{path}: {{from}} in [phases] is the model of from=, which is not there')
        if self.model_of and (self.model or self.train or self.convert or self.phases):
            die(f'{path}: model-of={self.model_of} decodes that system\'s model: nothing is built or trained')

    def model_options(self, task):
        """{option of nnet-init: value}, the task's changed by the system's."""
        known = dict(task.model, tags=task.num_tags(self.tags)) if self.tags else task.model
        own = {k: expand(v, known, f'systems/{self.name}.conf') for k, v in self.model.items()}
        return {**task.model, 'feature-dim': task.feature_dim(), **own}

    def train_options(self, task, rate, epochs):
        """{option of nnet-train: value} at one point (learning rate, warm-up) of the grid."""
        return {**task.train, 'patience': str(task.patience), **self.train, 'learning-rate': rate[0], 'warmup-steps': rate[1],
                'epochs': str(epochs)}

    def has_capacity(self):
        """Whether experts take only so many frames of an utterance in training."""
        return any('capacity-factor' in text for item in self.model.items() for text in item)

    def chunks(self, task):
        return task.chunks if self.streams else [c for c in task.chunks if c == '-1']

    def recipe(self, task, rate, epochs, systems=f'{HERE}/../systems'):
        """All that the system's result depends on but the seed. rate None: of the choice of rates."""
        if self.model_of:
            return dict(decode=self.decode, model_of=System(self.model_of, systems).recipe(task, rate, epochs, systems))
        out = dict(format=FORMAT, data=task.data_hash(), sets=task.sets, chunks=self.chunks(task), decode=self.decode,
                   train=self.train_options(task, rate or ('', ''), epochs))
        if self.start:
            # The system that it begins with brings its own rate; what is told of it here does not depend on which.
            out['convert'], out['from'] = self.convert, System(self.start, systems).recipe(task, None, epochs, systems)
        else:
            out['model'] = self.model_options(task)
        if self.phases:
            out['phases'] = self.phases
        if self.tags:
            out['tags'] = self.tags
        return out


def system_names(folder=f'{HERE}/../systems'):
    return sorted(os.path.basename(p)[:-5] for p in glob.glob(f'{folder}/*.conf'))


def hash_of(recipe):
    return hashlib.sha256(json.dumps(recipe, sort_keys=True).encode()).hexdigest()[:12]


def result_path(folder, task, system, seed):
    return f'{folder}/{task}/{system}-{seed}.json'


def kept(path, recipe):
    """The result in a file if it is there and of this recipe, else None."""
    if not os.path.exists(path):
        return None
    result = read_json(path)
    with expecting(f'{path} is not a result of the laboratory'):
        return result if result['recipe'] == hash_of(recipe) else None


def write_result(path, result):
    """JSON with a line for each innermost list or dictionary of plain values, so that changes of a file can be read."""
    def text(value, depth):
        pad = ' ' * depth
        plain = isinstance(value, (dict, list)) and not any(isinstance(v, (dict, list)) for v in (
            value.values() if isinstance(value, dict) else value))
        if not isinstance(value, (dict, list)) or plain:
            return json.dumps(value, ensure_ascii=False)
        if isinstance(value, list):
            return '[\n' + ',\n'.join(f'{pad} {text(v, depth + 1)}' for v in value) + f'\n{pad}]'
        return '{\n' + ',\n'.join(f'{pad} {json.dumps(k)}: {text(v, depth + 1)}' for k, v in value.items()) + f'\n{pad}}}'

    os.makedirs(os.path.dirname(path), exist_ok=True)
    with writing(path) as f:
        f.write(text(result, 0) + '\n')


def read_results(folder, task):
    """{system: {seed: result}} of a task's folder; rates and others are passed over."""
    out = {}
    for path in sorted(glob.glob(f'{glob.escape(folder)}/{glob.escape(task)}/*.json')):
        name, _, seed = os.path.basename(path)[:-5].rpartition('-')
        if seed.isdigit():
            result = read_json(path)
            with expecting(f'{path} is not a result of the laboratory'):
                if (result['system'], result['seed'], result['task']) != (name, int(seed), task):
                    die(f'{path} is the result of {result["system"]}, seed {result["seed"]}, of {result["task"]}: rename it')
            out.setdefault(name, {})[int(seed)] = result
    return out


def numbers(text):
    """[int] of "0 1 0"."""
    return [int(x) for x in text.split()]


def errors_of(results, name, chunk, mode='rescoring'):
    """(errors of each seed [[utterances]], words of the utterances) of {seed: result}, or None where a seed lacks them. Results
    of other utterances are an error."""
    rows, first = [], None
    for seed, result in sorted(results.items()):
        of_set = result['results'].get(name, {})
        scores = of_set.get('chunks', {}).get(chunk, {}).get(mode)
        if scores is None:
            return None
        first = first or of_set
        if of_set['utterances'] != first['utterances']:
            die(f'{result["system"]}: seeds were tested on different utterances of {name}: remove the older results')
        rows.append(numbers(scores['errors_by_utterance']))
    return (rows, numbers(first['words_by_utterance'])) if rows else None
