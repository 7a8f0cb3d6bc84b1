#include "fuzz/fuzz-targets.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <optional>
#include <sstream>
#include <utility>

#include "audio/audio-stream.h"
#include "audio/pcm.h"
#include "audio/segments.h"
#include "audio/wave-reader.h"
#include "base/check.h"
#include "base/error.h"
#include "decode/ctc-search.h"
#include "fuzz/lattice-target.h"
#ifdef U2MOE_OPENFST
#include "decode/wfst-search.h"
#include "graph/compile-graph.h"
#include "graph/fst-file.h"
#include "graph/lexicon.h"
#include "graph/word-table.h"
#endif
#include "lm/ngram-trie.h"
#include "modelfile/cmvn-file.h"
#include "modelfile/model-file.h"
#include "modelfile/wenet-import.h"
#include "moe/topology.h"
#include "pipeline/nbest-table.h"
#include "score/biased-wer.h"
#include "table/kaldi-format.h"
#include "table/kaldi-tables.h"
#include "table/text-tables.h"
#include "text/sentence-piece.h"
#include "text/text-norm.h"
#include "text/word-piece-model.h"
#include "transcript/confidence-map.h"
#include "transcript/ctm-reader.h"
#include "transcript/transcript-writer.h"
#include "util/options.h"
#include "util/unicode.h"
#include "util/unit-table.h"

namespace u2moe {
namespace {

// Bytes under a file name, without a disk.
class MemoryFile {
 public:
  explicit MemoryFile(std::string_view bytes) : fd_(memfd_create("fuzz", 0)) {
    CHECK(fd_ >= 0) << "no memory file can be made";
    for (size_t done = 0; done < bytes.size();) {
      const ssize_t n = write(fd_, bytes.data() + done, bytes.size() - done);
      CHECK(n > 0) << "a memory file cannot be written";
      done += static_cast<size_t>(n);
    }
  }
  ~MemoryFile() { close(fd_); }
  MemoryFile(const MemoryFile &) = delete;
  MemoryFile &operator=(const MemoryFile &) = delete;
  std::string Name() const { return Cat("/proc/self/fd/", fd_); }

 private:
  int fd_;
};

// Runs fn(). The project's errors are what bad input shall give, but a CHECK is for programming
// errors only.
template <class Fn>
void Tolerate(const Fn &fn) {
  try {
    fn();
  } catch (const CheckFailure &e) {
    std::fprintf(stderr, "%s\n", e.what());
    std::abort();
  } catch (const Error &) {
  }
}

// The first byte chooses among n ways to read the rest.
size_t TakeChoice(std::string_view *bytes, size_t n) {
  if (bytes->empty()) return 0;
  const size_t choice = static_cast<unsigned char>(bytes->front()) % n;
  bytes->remove_prefix(1);
  return choice;
}

// What comes before and after the first line "--".
std::pair<std::string_view, std::string_view> SplitInTwo(std::string_view bytes) {
  const size_t at = bytes.find("\n--\n");
  if (at == bytes.npos) return {bytes, {}};
  return {bytes.substr(0, at + 1), bytes.substr(at + 4)};
}

// Reads a table in order and writes what could be read; then looks every other key up.
template <class Holder>
void ReadTable(std::string_view bytes) {
  const MemoryFile file(bytes);
  std::vector<std::string> keys;
  for (const char *options : {"ark:", "ark,p:"}) {
    Tolerate([&] {
      SequentialTableReader<Holder> reader(options + file.Name());
      TableWriter<Holder> binary("ark:/dev/null"), text("ark,t:/dev/null");
      for (; !reader.Done(); reader.Next()) {
        keys.push_back(reader.Key());
        Tolerate([&] {
          const typename Holder::T &value = reader.Value();
          binary.Write(reader.Key(), value);
          text.Write(reader.Key(), value);
        });
      }
      binary.Close();
      text.Close();
    });
  }
  std::reverse(keys.begin(), keys.end());
  Tolerate([&] {
    RandomAccessTableReader<Holder> reader("ark:" + file.Name());
    for (size_t i = 0; i < keys.size(); i += 2) {
      Tolerate([&] {
        if (reader.HasKey(keys[i])) reader.Value(keys[i]);
      });
    }
  });
}

void FuzzTable(std::string_view bytes) {
  constexpr void (*kReaders[])(std::string_view) = {ReadTable<MatrixHolder>,
                                                    ReadTable<DoubleMatrixHolder>,
                                                    ReadTable<VectorHolder>,
                                                    ReadTable<DoubleVectorHolder>,
                                                    ReadTable<Int32VectorHolder>,
                                                    ReadTable<Int32Holder>,
                                                    ReadTable<TokenVectorHolder>,
                                                    ReadTable<WaveHolder>,
                                                    ReadTable<CompressedMatrixHolder>,
                                                    ReadTable<Int32VectorVectorHolder>,
                                                    ReadTable<Int32PairVectorHolder>,
                                                    ReadTable<FloatPairVectorHolder>,
                                                    ReadTable<BoolHolder>,
                                                    ReadTable<DoubleHolder>,
                                                    ReadTable<TokenHolder>};
  kReaders[TakeChoice(&bytes, std::size(kReaders))](bytes);
}

// The lines of a script and the specifiers, without opening what they point to: a script may name
// commands.
void FuzzScript(std::string_view bytes) {
  const MemoryFile file(bytes);
  for (bool sorted : {false, true}) {
    Tolerate([&] {
      Rspecifier spec;
      spec.rxfilename = file.Name();
      spec.sorted = sorted;
      internal::ScriptReader reader(spec);
      for (internal::ScriptEntry entry; reader.Next(&entry);) {
        SplitOffset(entry.xfilename);
        Tolerate([&] { ParseRange(entry.range, 100, kRowTolerance); });
      }
    });
  }
  std::istringstream lines{std::string(bytes)};
  for (std::string line; std::getline(lines, line);) {
    IsTable(line);
    Tolerate([&] { ParseRspecifier(line); });
    Tolerate([&] { ParseWspecifier(line); });
  }
}

// A recording: whole, what its header says, and as it arrives. Behind a line such as
// "s16le:16000:1", raw samples.
void FuzzWave(std::string_view bytes) {
  std::string all(bytes);
  std::optional<PcmFormat> raw;
  const size_t line = std::min(all.find('\n'), size_t{24});
  if (line < 24) Tolerate([&] { raw = PcmFormat::Parse(all.substr(0, line)); });
  if (raw) all.erase(0, line + 1);
  Tolerate([&] {
    std::istringstream is(all);
    AudioStream stream(&is, raw, 0);
    for (std::vector<float> samples; stream.Read(&samples);) {
    }
  });
  if (raw) {
    ReadPcm(*raw, all);
    return;
  }
  Tolerate([&] {
    std::istringstream is(all);
    ReadAudioInfo(is);
  });
  std::istringstream is(all);
  const WaveData wave = ReadAudio(is);
  std::ostringstream os;
  WriteWav(wave, os);
}

// A model file; one that is whole is written again.
void FuzzModel(std::string_view bytes) {
  const MemoryFile file(bytes);
  Tolerate([&] { ReadModelInfo(file.Name()); });
  ModelInfo info;
  const auto model = ReadModel(file.Name(), &info);
  WriteModel("/dev/null", model.get(), info);
}

// WeNet's configuration, our model.conf, the files of CMVN statistics, and of a map of confidences.
void FuzzConfig(std::string_view bytes) {
  const size_t way = TakeChoice(&bytes, 4);
  const MemoryFile file(bytes);
  if (way == 0) {
    ReadWenetConfig(file.Name(), {});
  } else if (way == 1) {
    ReadGlobalCmvn(file.Name());
  } else if (way == 3) {
    ConfidenceMap map;
    OptionParser po("Usage: fuzz\n");
    map.Register(&po);
    po.ReadConfigFile(file.Name());
    map.Check();
    for (const double p : {-1., 0., 0.5, 1.}) {
      const double mapped = map.Apply(p);
      CHECK(p < 0 ? mapped == p : mapped >= 0 && mapped <= 1) << p << " became " << mapped;
    }
    map.ToConfig();
  } else {
    ModelOptions options;
    OptionParser po("Usage: fuzz\n");
    options.Register(&po);
    po.ReadConfigFile(file.Name());
    options.Check();
    options.ToString();
  }
}

void FuzzNbest(std::string_view bytes) {
  const auto [tokens, scores] = SplitInTwo(bytes);
  const MemoryFile token_file(tokens), score_file(scores);
  NbestTable table("ark:" + token_file.Name(), "ark:" + score_file.Name());
  for (const std::string &utterance : table.Rest()) Tolerate([&] { table.Take(utterance); });
}

// Units and transcripts: to ids and back. The transcripts also as a segments file.
void FuzzText(std::string_view bytes) {
  const auto [unit_lines, text] = SplitInTwo(bytes);
  const MemoryFile unit_file(unit_lines), text_file(text);
  WaveData wave;
  wave.sample_rate = 100;
  wave.samples = Tensor::Zeros(1, 1000);
  SegmentReader segments(text_file.Name());
  while (segments.Next()) {
    Tolerate([&] { CutSegment(SegmentOptions(), segments.Value(), wave); });
    Tolerate([&] { CutFrames(FeatureSegmentOptions(), segments.Value(), wave.samples); });
  }
  const UnitTable units = UnitTable::Read(unit_file.Name());
  ReadUnits(unit_file.Name());
  SequentialTokenVectorReader reader("ark:" + text_file.Name());
  for (; !reader.Done(); reader.Next()) {
    Tolerate([&] {
      units.Decode(units.Encode(reader.Value(), UnitTable::kSpace, 0), UnitTable::kSpace);
    });
  }
}

// A model of word pieces and, behind the line "--", a text. What the parser takes is given to
// SentencePiece.
void FuzzPieces(std::string_view bytes) {
  const size_t at = std::min(bytes.rfind("\n--\n"), bytes.size());
  const std::string_view model = bytes.substr(0, at);
  ParseWordPieceModel(model, "fuzz");
#ifdef U2MOE_SENTENCEPIECE
  const SentencePiece pieces(model, "fuzz");
  Tolerate([&] { pieces.Encode(bytes.substr(std::min(at + 4, bytes.size()))); });
  pieces.Encode("A \u4e2d\u00e9aaa \u2581");
#endif
}

// A map of words, and a text that it is applied to, which is also read as a list of phrases.
void FuzzNorm(std::string_view bytes) {
  const auto [map, text] = SplitInTwo(bytes);
  const MemoryFile map_file(map), text_file(text);
  Tolerate([&, &words = text] {
    BiasedWords(text_file.Name(), TextNormalizer("casefold")).Mark(SplitWords(words));
  });
  const TextNormalizer normalizer("nfkc,casefold,map,uppercase,width,no-punctuation,map",
                                  map_file.Name());
  normalizer.Hash();
  normalizer.Apply(SplitWords(text));
}

// A CTM file; what it holds is written in each format.
void FuzzCtm(std::string_view bytes) {
  const MemoryFile file(bytes);
  const auto recordings = ReadCtm(file.Name());
  for (const char *format : {"text", "json", "srt", "vtt", "ctm", "textgrid"}) {
    for (const auto &[recording, words] : recordings) {
      TranscriptOptions options;
      options.format = format;
      std::ostringstream os;
      const auto writer = MakeTranscriptWriter(options, &os);
      writer->Write({recording, 1, recording, 0, 1, words});
      writer->Close();
    }
  }
}

// A command line, a word a line, of a tool with options of each type.
void FuzzOptions(std::string_view bytes) {
  std::vector<std::string> words{"fuzz", "--print-args=false"};
  std::istringstream lines{std::string(bytes)};
  for (std::string line; std::getline(lines, line);) {
    // No other file is opened, and no help printed.
    if (line.find("config") == line.npos && line.find("-h") == line.npos) words.push_back(line);
  }
  std::vector<const char *> argv;
  for (const std::string &word : words) argv.push_back(word.c_str());
  OptionParser po("Usage: fuzz [options]\n");
  CtcSearchOptions search;
  search.Register(&po);
  float number = 0;
  po.Register("number", &number, "a number");
  int64_t large = 0;
  po.Register("large", &large, "a whole number");
  if (po.Parse(static_cast<int>(argv.size()), argv.data(), 0, -1, InputArgs{InputArgs::kNone}))
    search.Check();
}

// A language model, and what it thinks of each of its words after some of its contexts.
void FuzzArpa(std::string_view bytes) {
  const MemoryFile file(bytes);
  const NgramTrie lm = NgramTrie::Read(file.Name());
  for (int32_t word = 0; word < lm.Words().Size(); ++word) {
    int32_t state = lm.Begin();
    for (int32_t i = 0; i < 5; ++i) {
      CHECK(std::isfinite(lm.Score(state, (word + i * i) % lm.Words().Size(), &state)));
    }
    CHECK(std::isfinite(lm.Score(state, lm.Eos(), &state)));
  }
}

#ifdef U2MOE_OPENFST
// As the lexicon of a graph of any two words, behind the byte that chooses a topology.
void CompileFst(std::string_view bytes) {
  const char *const names[] = {"correct", "compact", "minimal", "eesen"};
  CompileGraphOptions opts;
  opts.topology = &FindCtcTopology(names[TakeChoice(&bytes, std::size(names))], "");
  const MemoryFile file(bytes);
  fst::StdVectorFst grammar;
  for (int s = 0; s < 3; ++s) grammar.AddState();
  grammar.SetStart(0);
  grammar.SetFinal(2, 0.5f);
  for (int s = 0; s < 2; ++s) {
    for (const int word : {1, 2}) {
      grammar.AddArc(s, fst::StdArc(word, word, static_cast<float>(word), s + 1));
    }
    grammar.AddArc(s, fst::StdArc(0, 0, 1.f, s + 1));
  }
  opts.num_tokens = 3;
  opts.max_states = 500;
  opts.skip_missing = true;
  CompileGraphNotes notes;
  CompileGraph(ReadFst(file.Name()), grammar, opts, &notes);
}
#endif

// What a decoding graph is made of: an FST file, also as a graph that is searched, or compiled; a
// words.txt; a lexicon.
void FuzzGraph(std::string_view bytes) {
#ifdef U2MOE_OPENFST
  const size_t way = TakeChoice(&bytes, 6);
  const MemoryFile file(bytes);
  if (way == 5) {
    CompileFst(bytes);
  } else if (way == 0) {
    WriteFst(ReadFst(file.Name()), FstFileType::kConst, "/dev/null");
  } else if (way == 1) {
    CtcSearchOptions opts;
    opts.method = "wfst";
    opts.nbest = 3;
    opts.wfst.graph = file.Name();
    const auto resource = MakeSearchResource(opts);
    CtcDecode(Tensor::Zeros(4, 4), 3, resource->NewSearch().get());
  } else if (way == 2) {
    const WordTable words = WordTable::Read(file.Name());
    words.Write("/dev/null");
  } else {
    const UnitTable units({"<blank>", "a", "b"});
    WordTable words;
    const Lexicon lexicon = ReadLexicon(file.Name(), units, 0, way == 4);
    for (const Pronunciation &p : lexicon) words.Add(p.word);
    LexiconFstOptions opts;
    opts.num_tokens = units.Size();
    int32_t num_disambig = 0;
    MakeLexiconFst(lexicon, words, opts, &num_disambig);
  }
#else
  (void)bytes;
#endif
}

// Units and hot words, and a search that prefers them.
void FuzzHotWords(std::string_view bytes) {
  const auto [unit_lines, phrases] = SplitInTwo(bytes);
  const MemoryFile unit_file(unit_lines), phrase_file(phrases);
  const UnitTable table = UnitTable::Read(unit_file.Name());
  CtcSearchOptions opts;
  opts.hot_words.file = phrase_file.Name();
  for (const char *order : {"admit", "wenet"}) {
    opts.hot_words.order = order;
    const auto resource = MakeSearchResource(opts, LetterUnits(table, "units"));
    Tensor logp(3, table.Size());
    for (int64_t i = 0; i < logp.Size(); ++i) {
      logp.Data()[i] = -static_cast<float>(i * 7 % 11);
    }
    CtcDecode(logp, 1, resource->NewSearch().get());
  }
}

// Units and the only words that may be found, and searches for them.
void FuzzAllowed(std::string_view bytes) {
  const auto [unit_lines, words] = SplitInTwo(bytes);
  const MemoryFile unit_file(unit_lines), word_file(words);
  const UnitTable table = UnitTable::Read(unit_file.Name());
  CtcSearchOptions opts;
  opts.allowed_words.file = word_file.Name();
  for (const char *method : {"prefix-beam", "greedy"}) {
    opts.method = method;
    const auto resource = MakeSearchResource(opts, LetterUnits(table, "units"));
    Tensor logp(4, table.Size());
    for (int64_t i = 0; i < logp.Size(); ++i) {
      logp.Data()[i] = -static_cast<float>(i * 7 % 11);
    }
    CtcDecode(logp, 1, resource->NewSearch().get());
  }
}

// A simulated network, and what rows take on it.
void FuzzTopology(std::string_view bytes) {
  const Topology t = ParseTopology(bytes, "topology");
  const int64_t num_experts = 2 * t.num_ranks;
  std::vector<std::vector<double>> rows;
  for (int rank = 0; rank < t.num_ranks; ++rank) {
    t.Penalties(rank, num_experts);
    rows.push_back(t.Targets(rank, num_experts, 100));
  }
  t.SlowestLink(rows, 1024);
}

}  // namespace

const std::vector<FuzzTarget> &FuzzTargets() {
  static const std::vector<FuzzTarget> targets = {
      {"table", FuzzTable},     {"script", FuzzScript},     {"wave", FuzzWave},
      {"model", FuzzModel},     {"config", FuzzConfig},     {"nbest", FuzzNbest},
      {"text", FuzzText},       {"options", FuzzOptions},   {"pieces", FuzzPieces},
      {"norm", FuzzNorm},       {"arpa", FuzzArpa},         {"graph", FuzzGraph},
      {"lattice", FuzzLattice}, {"hotwords", FuzzHotWords}, {"ctm", FuzzCtm},
      {"allowed", FuzzAllowed}, {"topology", FuzzTopology}};
  return targets;
}

void RunFuzzTarget(const std::string &name, std::string_view bytes) {
  for (const FuzzTarget &target : FuzzTargets()) {
    if (name != target.name) continue;
    Tolerate([&] { target.run(bytes); });
    return;
  }
  CHECK(false) << "no fuzz target " << name;
}

}  // namespace u2moe
