#!/usr/bin/env python3
"""Trains, decodes and scores one system of the laboratory and writes what it found, or finds it done.

Usage: local/run_system.py [options] <task> <task-dir> <system> <seed>
  e.g. local/run_system.py --results ../../docs/results polyglot out/polyglot plain 1
  --results DIR   <DIR>/<task>/<system>-<seed>.json, and <system>-rate.json, the rate chosen on dev
  --only speed    only measures the real-time factor of what was trained, alone and three times, and adds it to the result;
                  rate: only chooses the learning rate and warm-up; check: only prints which of the systems (several, in one
                  argument) this build knows
  --cut true      the shortened task
  --until SECONDS of the clock (date +%s): what has not begun then is left for later; a training stops, and goes on next time
"""
import contextlib
import fcntl
import hashlib
import json
import os
import shlex
import shutil
import subprocess
import time

import lab
from u2moe_script import Error, Options, die, expecting, read_json, run, say, text_lines, writing
import report_data
import speed_stats


ROUNDS = 3  # of measuring speed


class Unknown(Error):
    """This build does not know the system's options."""


class Late(Exception):
    """The time is over."""


def wait(child, until):
    """os.wait4, or Late once the clock says until; 0: never."""
    while until:
        if time.time() > until:
            raise Late()
        ended = os.wait4(child.pid, os.WNOHANG)
        if ended[0]:
            return ended
        time.sleep(.1)
    return os.wait4(child.pid, 0)


def command(args, log, cwd, stdout=None, until=0):
    """Runs a command with its talk at the end of a log; returns (seconds, MB of its largest process). An error quotes the log.
    Ends it, and raises Late, when the clock says until."""
    begin = time.monotonic()
    with open(log, 'a', encoding='utf-8') as f:
        f.write('# ' + ' '.join(map(shlex.quote, args)) + '\n')
        f.flush()
        size = f.tell()
        try:
            child = subprocess.Popen(args, cwd=cwd, stdin=subprocess.DEVNULL, stdout=stdout or f, stderr=f)
        except FileNotFoundError:
            raise Unknown(f'there is no tool {args[0]}') from None
        try:
            _, status, usage = wait(child, until)
        except BaseException:
            child.terminate()
            child.wait()
            raise
        child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        with open(log, encoding='utf-8', errors='replace') as f:
            f.seek(size)
            said = f.read().splitlines()
        errors = [x for x in said if x.startswith('ERROR')] or said
        if child.returncode == 2:
            raise Unknown(' '.join(errors[-1:]).replace(f'ERROR ({args[0]})', f'{args[0]}:'))
        raise Error(f'{args[0]} ended with {child.returncode}; {log} ends: {" ".join(errors[-2:])}')
    return time.monotonic() - begin, usage.ru_maxrss / 1024


def tags_option(system, name):
    """Of the tools that encode utterances of a set."""
    return [f'--tags=ark:data/{name}/{system.tags}'] if system.tags else []


def options_text(options):
    """As files of options have them. {lab} is this recipe's folder: recipes, whose hashes are kept, do not tell where it is."""
    return ''.join(f'{k}={v}\n'.replace('{lab}', os.path.dirname(lab.HERE)) for k, v in options.items())


@contextlib.contextmanager
def locked(path):
    """Only one process at a time: what several systems begin with is trained once."""
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, 'w', encoding='utf-8') as f:
        fcntl.flock(f, fcntl.LOCK_EX)
        yield


class Runner:
    def __init__(self, task, results, until):
        self.task, self.results, self.until = task, results, until

    def late(self):
        return self.until and time.time() > self.until

    def folder(self, system, seed):
        return f'{self.task.dir}/exp/{system.name}/{seed}'

    def make_initial(self, system, seed, exp, log):
        """The model that training begins with."""
        init = f'{exp}/init.safetensors'
        with writing(f'{exp}/model.conf') as f:
            f.write(options_text(system.model_options(self.task)))
        if not system.start:
            bpe = [f'--bpe-model={self.task.dir}/dump/bpe.model'] if os.path.exists(f'{self.task.dir}/dump/bpe.model') else []
            command(['nnet-init', '--print-args=false', '--units=dump/units.txt', *bpe, '--cmvn=dump/cmvn.stats',
                     '--fbank-config=conf/fbank.conf', f'--seed={seed}', f'{exp}/model.conf', init], log, self.task.dir)
            return
        model = self.model_of(lab.System(system.start), seed)
        places = {'{feats}': 'scp:dump/train/feats.scp', '{tokens}': 'ark,t:dump/train/tokens', '{seed}': str(seed),
                  '{labels}': f'ark:data/train/{self.task.labels[0]}'}
        for n, line in enumerate(system.convert):
            line = lab.expand(line, self.task.model, f'systems/{system.name}.conf')
            for place, value in places.items():
                line = line.replace(place, value)
            made = init if n + 1 == len(system.convert) else f'{exp}/convert-{n + 1}.safetensors'
            command(['moe-convert', '--print-args=false', *shlex.split(line), model, made], log, self.task.dir)
            model = made

    def train(self, system, seed, exp, rate, epochs):
        """Trains into exp as far as that is not done; returns what to tell of it."""
        os.makedirs(exp, exist_ok=True)
        log = f'{exp}/train.log'
        options = system.train_options(self.task, rate, epochs)
        # A folder of other settings begins anew.
        identity = lab.hash_of(dict(system.recipe(self.task, rate, epochs), seed=seed))
        if not os.path.exists(f'{exp}/recipe') or text_lines(f'{exp}/recipe') != [identity]:
            for name in os.listdir(exp):
                if name.endswith(('.safetensors', '.log')) or name in ('log.jsonl', 'run.txt', 'spent'):
                    os.remove(f'{exp}/{name}')
                elif name.startswith('phase-'):
                    shutil.rmtree(f'{exp}/{name}')
            shutil.rmtree(f'{exp}/decode', ignore_errors=True)
            self.make_initial(system, seed, exp, log)
            with writing(f'{exp}/recipe') as f:
                f.write(identity + '\n')
        with writing(f'{exp}/train.conf') as f:
            f.write(options_text(options))
        begin, phases = f'{exp}/init.safetensors', [f'{exp}/phase-{n}' for n in range(1, len(system.phases) + 1)]
        for folder, line in zip(phases, system.phases):
            made = f'{folder}/final.safetensors'
            if not os.path.exists(made):
                os.makedirs(folder, exist_ok=True)
                if '{from}' in line:
                    line = line.replace('{from}', self.model_of(lab.System(system.start), seed))
                self.nnet_train(system, seed, exp, folder, shlex.split(line), begin, made)
            begin = made
        if not os.path.exists(f'{exp}/spent'):
            seconds, memory = self.nnet_train(system, seed, exp, exp, [], begin, f'{exp}/final.safetensors')
            with writing(f'{exp}/spent') as f:
                f.write(f'{seconds:.1f} {memory:.1f}\n')
        rows = report_data.read_log(exp)
        before = [row for folder in phases for row in report_data.read_log(folder)]
        sums = report_data.training_sums(before + rows, f'{exp}/log.jsonl')
        dev = [r.get('dev_loss') for r in rows]
        best = min(range(len(dev)), key=lambda i: (dev[i] is None, dev[i] or 0))
        patience = int(options.get('patience', 0))
        return dict(epochs=len(rows), best_epoch=best + 1,
                    stopped='patience' if patience and len(rows) - 1 - best >= patience else 'budget',
                    learning_rate=float(rate[0]), warmup_steps=int(rate[1]), rate_at_edge=at_edge(rate[0], self.task), seconds=round(sums['wall_seconds'], 1),
                    cpu_seconds=round(sums['cpu_seconds'], 1),
                    frames_per_second=round(sums['frames'] / max(1e-9, sum(r['wall_seconds'] for r in before + rows))),
                    frames_per_cpu_second=round(sums['frames_per_cpu_second']),
                    peak_memory_mb=float(text_lines(f'{exp}/spent')[0].split()[1]),
                    least_expert_load=min((r['min_expert_load'] for r in rows if 'min_expert_load' in r), default=None),
                    dev_loss=[None if x is None else round(x, 4) for x in dev])

    def nnet_train(self, system, seed, exp, folder, options, begin, made):
        """Trains one model into another with checkpoints in a folder: what has been trained stays. (seconds, MB)."""
        return command(
            ['nnet-train', '--print-args=false', f'--config={exp}/train.conf', f'--seed={seed}', '--threads=1',
             '--average=5', f'--exp-dir={folder}', '--dev-feats=scp:dump/dev/feats.scp', '--dev-tokens=ark,t:dump/dev/tokens',
             *([f'--tags=ark:cat data/train/{system.tags} data/dev/{system.tags} |'] if system.tags else []),
             *options, begin, 'scp:dump/train/feats.scp', 'ark,t:dump/train/tokens', made],
            f'{exp}/train.log', self.task.dir, until=self.until)

    def choose_rate(self, system):
        """The point of the grid of the lowest dev loss, each trained for as many epochs from one seed that no result has."""
        if system.model_of:
            return self.choose_rate(lab.System(system.model_of))
        if len(self.task.rates) == 1:
            return self.task.rates[0]
        with locked(f'{self.task.dir}/exp/{system.name}/.rate-lock'):
            return self.search_rate(system)

    def search_rate(self, system):
        path = f'{self.results}/{self.task.name}/{system.name}-rate.json'
        recipe = dict(system.recipe(self.task, None, self.task.grid_epochs), rates=self.task.rates, seed=self.task.grid_seed)
        known = lab.kept(path, recipe)
        if known:
            with expecting(f'{path}: not a choice of rates'):
                return tuple(known['chosen'])
        tried = []
        for rate in self.task.rates:
            if self.late():
                return None
            exp = f'{self.folder(system, self.task.grid_seed)}-rate-{"-".join(rate)}'
            say(f'{system.name}: learning rate {rate[0]}, warm-up {rate[1]}')
            try:
                told = self.train(system, self.task.grid_seed, exp, rate, self.task.grid_epochs)
                loss = min(x for x in told['dev_loss'] if x is not None)
            except Unknown:
                raise
            except Error as e:  # diverged: nnet-train says so and ends
                say(f'{system.name}: {e}')
                loss = None
            tried.append(dict(rate=list(rate), dev_loss=loss))
        good = [t for t in tried if t['dev_loss'] is not None]
        if not good:
            die(f'{system.name} learns at none of the rates {" ".join(":".join(r) for r in self.task.rates)}; see '
                f'{self.folder(system, self.task.grid_seed)}-rate-*/train.log')
        chosen = min(good, key=lambda t: t['dev_loss'])['rate']
        if at_edge(chosen[0], self.task):
            say(f'{system.name}: {chosen[0]} is best, at the edge of the rates that were tried: others beyond may be better')
        lab.write_result(path, dict(system=system.name, task=self.task.name, recipe=lab.hash_of(recipe),
                                    epochs=self.task.grid_epochs, tried=tried, chosen=chosen))
        return tuple(chosen)

    def model_of(self, system, seed):
        """The trained model of another system, trained first if need be."""
        rate = self.choose_rate(system)
        if rate is None:
            raise Late()
        exp = self.folder(system, seed)
        with locked(f'{exp}/.run-lock'):
            self.train(system, seed, exp, rate, self.task.epochs)
        return f'{exp}/final.safetensors'

    def decode(self, system, exp, sets, chunks):
        """Decodes and scores; returns MB of the largest process."""
        memory = 0.0
        for name in sets:
            encoder = ' '.join([*system.decode, *tags_option(system, name)])
            for step in (['decode.sh', '--chunks', ' '.join(chunks), '--forward-opts', encoder, '--rescore-opts',
                          ' '.join(system.decode), 'dump', name, exp],
                         ['score.sh', '--chunks', ' '.join(chunks), f'data/{name}/text', name, exp]):
                _, peak = command(step, f'{exp}/{step[0][:-3]}.log', self.task.dir)
                memory = max(memory, peak if step[0] == 'decode.sh' else 0)
        return memory

    def scores(self, exp, name, chunks):
        """What was scored of a set, by chunk and mode, with the errors of each utterance in the order of their keys."""
        out = dict(chunks={})
        for chunk in chunks:
            for mode in lab.MODES:
                scores = report_data.read_scores(f'{exp}/decode/{name}/{chunk}/{mode}.wer.per_utt')
                keys = sorted(scores.counts)
                out['utterances'] = f'{len(keys)} {hashlib.sha256(" ".join(keys).encode()).hexdigest()[:12]}'
                out['words_by_utterance'] = ' '.join(str(scores.counts[u][1]) for u in keys)
                errors = [scores.counts[u][0] for u in keys]
                words = sum(w for _, w in scores.counts.values())
                out['chunks'].setdefault(chunk, {})[mode] = dict(
                    errors=sum(errors), words=words, wer=round(100 * sum(errors) / max(1, words), 3),
                    errors_by_utterance=' '.join(map(str, errors)))
        return out

    def speed(self, exp, sets, chunk):
        out = {}
        for stage, file in report_data.SPEED.items():
            pooled = report_data.pool_speed([f'{exp}/decode/{s}/{chunk}/{file}.json' for s in sets],
                                            out['encoder']['audio'] if out else None)
            if pooled:
                out[stage] = dict(rtf=round(pooled['wall'], 6), cpu=round(pooled['cpu'], 6), audio=pooled['audio_seconds'])
                self.machine = pooled.get('machine', '')
        for row in out.values():
            del row['audio']
        return out

    def routing(self, system, exp, chunk):
        """Means over the mixtures of what moe-route-stats tells of the first set, and each layer's part."""
        name, json_path = self.task.sets[0], f'{exp}/routing.{chunk}.json'
        labels = [f'--labels=ark:data/{name}/{label}' for label in self.task.labels]
        command(['moe-route-stats', '--print-args=false', '--information=true', *labels, *system.decode,
                 *tags_option(system, name), *(['--capacity=true'] if system.has_capacity() else []),
                 f'--chunk-size={chunk}',
                 f'--tokens=ark,t:dump/{name}/tokens', f'--json={json_path}', f'{exp}/final.safetensors',
                 f'scp:dump/{name}/feats.scp'], f'{exp}/routing.log', self.task.dir)
        stats = read_json(json_path)
        layers, n = stats['layers'], len(stats['layers'])
        told = [layer for part in stats['information'] for layer in part['layers']]
        labels = list(told[0]['tells'])
        return dict(
            max_load=round(max(x['max_over_mean_load'] for x in layers), 3),
            mean_max_load=round(sum(x['max_over_mean_load'] for x in layers) / n, 3),
            entropy=round(sum(x['entropy'] for x in layers) / n, 4), dead_experts=sum(x['dead_experts'] for x in layers),
            experts_per_row=round(sum(x['experts_per_row'] for x in layers) / n, 3),
            distinct_experts_per_chunk=round(sum(x['distinct_experts_per_chunk'] for x in layers) / n, 3),
            dropped=round(sum(x.get('dropped', 0) for x in layers) / n, 4),
            switch_rate=round(sum(x['switch_rate'] for x in told) / n, 4),
            agreement=round(sum(x['agreement'] for x in told) / n, 4),
            empty_by_position=[round(sum(x['empty_by_position'][p] for x in told) / n, 4) for p in range(10)],
            tells={label: round(sum(x['tells'][label]['share'] for x in told) / n, 4) for label in labels},
            layers=[dict(name=x['name'], entropy=round(x['entropy'], 4), max_load=round(x['max_over_mean_load'], 3),
                         dead=x['dead_experts'], **{f'tells_{label}': round(t['tells'][label]['share'], 4) for label in labels})
                    for x, t in zip(layers, told)],
            share_by_label={label: [[round(s, 3) for s in layer['share']] for layer in group]
                            for label, group in stats.get('groups', {}).items()} if chunk == '-1' else {})

    def run(self, system, seed):
        rate = self.choose_rate(system)
        if rate is None:
            raise Late()
        task = self.task
        recipe = system.recipe(task, rate, task.epochs)
        path = lab.result_path(self.results, task.name, system.name, seed)
        if lab.kept(path, recipe):
            say(f'{path} is there')
            return
        if os.path.exists(path):
            say(f'{path} is of another recipe or of other data: done anew')
        if self.late():
            raise Late()
        exp = self.folder(system, seed)
        if system.model_of:
            trained = lab.System(system.model_of)
            model = self.model_of(trained, seed)
            os.makedirs(exp, exist_ok=True)
            if os.path.lexists(f'{exp}/final.safetensors'):
                os.remove(f'{exp}/final.safetensors')
            os.symlink(os.path.relpath(model, exp), f'{exp}/final.safetensors')
            training = self.train(trained, seed, self.folder(trained, seed), rate, task.epochs)
        else:
            self.model_of(system, seed)
            training = self.train(system, seed, exp, rate, task.epochs)
        chunks = system.chunks(task)
        memory = self.decode(system, exp, task.sets, chunks)
        with writing(f'{exp}/info.json') as f:
            command(['nnet-info', '--print-args=false', '--json=true', f'{exp}/final.safetensors'], f'{exp}/routing.log', task.dir,
                    stdout=f)
        info = read_json(f'{exp}/info.json')
        parameters = {k: info['parameters'][k] for k in ('total', 'active_per_frame', 'feed_forward')}
        parameters['bytes'] = os.path.getsize(f'{exp}/final.safetensors')
        result = dict(format=lab.FORMAT, task=task.name, cut=task.cut, system=system.name, seed=seed, recipe=lab.hash_of(recipe),
                      options=dict(model=system.model_options(task), train=training_options(recipe), convert=system.convert,
                                   decode=system.decode),
                      training=training, parameters=parameters, results={s: self.scores(exp, s, chunks) for s in task.sets},
                      speed={c: self.speed(exp, task.sets, c) for c in chunks},
                      routing={c: self.routing(system, exp, c) for c in chunks} if info.get('num_experts') else {},
                      decoding_memory_mb=round(memory, 1), machine=self.machine)
        lab.write_result(path, result)
        say(f'{path} written: ' + ', '.join(f'{s} {result["results"][s]["chunks"]["-1"]["rescoring"]["wer"]:.2f} %'
                                            for s in task.sets) + f', {training["epochs"]} epochs')

    def check(self, system):
        """Whether this build makes the model; raises Unknown if not."""
        if system.model_of:
            return self.check(lab.System(system.model_of))
        exp = f'{self.task.dir}/exp/check/{system.name}'
        os.makedirs(exp, exist_ok=True)
        log = f'{exp}/check.log'
        nothing = f'{exp}/nothing'  # what is asked for cannot be read, but wrong options are refused before that
        if system.start:
            self.check(lab.System(system.start))
            for line in system.convert:
                options = [x for x in shlex.split(line) if '{' not in x]
                self.refused(['moe-convert', '--print-args=false', *options, nothing, f'{exp}/made'], log)
        else:
            self.make_initial(system, 1, exp, log)
        if system.train:
            with writing(f'{exp}/train.conf') as f:
                f.write(options_text(system.train))
            self.refused(['nnet-train', f'--config={exp}/train.conf', nothing, f'ark:{nothing}', f'ark:{nothing}',
                          f'{exp}/made'], log)

    def refused(self, args, log):
        """Runs what must fail; raises Unknown where that is for its options."""
        try:
            command(args, log, self.task.dir)
        except Unknown:
            raise
        except Error:
            pass


    def measure_speed(self, system, seed):
        """The least of three rounds, nothing else at work, into the result; only where it is not there."""
        path, exp = lab.result_path(self.results, self.task.name, system.name, seed), self.folder(system, seed)
        if not os.path.exists(path) or not os.path.exists(f'{exp}/final.safetensors'):
            return
        result = read_json(path)
        with expecting(f'{path} is not a result of the laboratory'):
            if result.get('quiet_speed'):
                return
        result['quiet_speed'] = {}
        for chunk in system.chunks(self.task):
            rounds = []
            for _ in range(ROUNDS):
                files = []
                for name in self.task.sets:
                    files.append(f'{exp}/speed.{name}.json')
                    command(['nnet-forward', '--print-args=false', *system.decode, *tags_option(system, name),
                             f'--chunk-size={chunk}', '--num-left-chunks=-1', f'--streaming={str(chunk != "-1").lower()}',
                             '--batch-seconds=0', '--threads=1', f'--stats={files[-1]}', f'{exp}/final.safetensors',
                             f'scp:dump/{name}/feats.scp', 'ark:/dev/null'], f'{exp}/speed.log', self.task.dir)
                rounds.append(report_data.pool_speed(files))
            result['quiet_speed'][chunk] = dict(rtf=round(min(r['wall'] for r in rounds), 6),
                                                cpu=round(min(r['cpu'] for r in rounds), 6))
        lab.write_result(path, result)
        say(f'{path}: ' + ', '.join(f'chunk {c}: {r["cpu"]:.5f}' for c, r in result['quiet_speed'].items()))


def at_edge(rate, task):
    """Whether a learning rate is the least or the largest of several that were tried."""
    rates = sorted({float(r) for r, _ in task.rates})
    return len(rates) > 1 and float(rate) in (rates[0], rates[-1])


def training_options(recipe):
    return recipe['train'] if 'train' in recipe else training_options(recipe['model_of'])


def main():
    ap = Options(__doc__)
    for name in ('task', 'dir', 'system'):
        ap.add_argument(name)
    ap.add_argument('seed', type=int)
    ap.add_argument('--results', required=True)
    ap.add_argument('--only', default='', choices=['', 'rate', 'check', 'speed'])
    ap.boolean('--cut', False)
    ap.add_argument('--until', type=int, default=0)
    args = ap.parse()
    task = lab.Task(args.task, os.path.realpath(args.dir), args.cut)
    runner = Runner(task, os.path.realpath(args.results), args.until)
    if args.only == 'check':
        for system in map(lab.System, args.system.split()):
            try:
                runner.check(system)
                print(system.name)
            except Unknown as e:
                if not system.new:
                    raise
                say(f'{system.name} is left out: this build does not know it: {e}')
        return 0
    system = lab.System(args.system)
    try:
        if args.only == 'speed':
            runner.measure_speed(system, args.seed)
        elif args.only == 'rate':
            if runner.choose_rate(system) is None:
                raise Late()
        else:
            runner.run(system, args.seed)
    except Late:
        say(f'{system.name}, seed {args.seed}: left for later, the time is over')
    return 0


if __name__ == '__main__':
    run(main)
