#include "fuzz/fuzz-seeds.h"

#include <sndfile.h>
#include <sys/mman.h>
#include <unistd.h>

#include <type_traits>

#include "audio/wave-reader.h"
#include "base/check.h"
#include "base/rng.h"
#include "fuzz/lattice-target.h"
#ifdef U2MOE_OPENFST
#include "graph/fst-file.h"
#endif
#include "modelfile/model-file.h"
#include "support/test-util.h"
#include "support/tiny-word-pieces.h"
#include "table/kaldi-tables.h"
#include "table/text-tables.h"

namespace u2moe {
namespace {

// A file in memory that a writer knows by name.
class ScratchFile {
 public:
  ScratchFile() : fd_(memfd_create("seed", 0)) { CHECK(fd_ >= 0) << "no memory file can be made"; }
  ~ScratchFile() { close(fd_); }
  ScratchFile(const ScratchFile &) = delete;
  ScratchFile &operator=(const ScratchFile &) = delete;
  int Descriptor() const { return fd_; }
  std::string Path() const { return Cat("/proc/self/fd/", fd_); }
  std::string Contents() const { return ReadFile(Path()); }

 private:
  int fd_;
};

// A binary and a text archive of the values, each behind the byte that chooses the reader.
template <class Holder>
void AddTable(size_t choice, const std::vector<typename Holder::T> &values,
              std::vector<std::string> *seeds) {
  for (const char *kind : {"ark:", "ark,t:"}) {
    if (std::is_same_v<Holder, WaveHolder> && kind[3] == ',') continue;  // audio has no text form
    const std::string path = TempDir() + "/seed.ark";
    TableWriter<Holder> writer(kind + path);
    for (size_t i = 0; i < values.size(); ++i) writer.Write(Cat("utt", i), values[i]);
    writer.Close();
    seeds->push_back(static_cast<char>(choice) + ReadFile(path));
  }
}

std::vector<std::string> TableSeeds() {
  Rng rng(1);
  std::vector<std::string> seeds;
  AddTable<MatrixHolder>(0, {RandomTensor(&rng, 2, 3), Tensor(0, 0), RandomTensor(&rng, 1, 1)},
                         &seeds);
  AddTable<DoubleMatrixHolder>(1, {{2, 2, {1, -2.5, 1e300, 0}}, {}}, &seeds);
  AddTable<VectorHolder>(2, {{1, 2.5f, -3e-9f}, {}}, &seeds);
  AddTable<DoubleVectorHolder>(3, {{1, 2.5, -3e-300}, {}}, &seeds);
  AddTable<Int32VectorHolder>(4, {{1, -2, 2147483647}, {}}, &seeds);
  AddTable<Int32Holder>(5, {7, -2147483647}, &seeds);
  AddTable<TokenVectorHolder>(6, {{"zwei", "Wörter"}, {}}, &seeds);
  WaveData wave;
  wave.sample_rate = 8000;
  wave.samples = RandomTensor(&rng, 1, 40, 1000);
  AddTable<WaveHolder>(7, {wave, wave}, &seeds);
  // Compressed: Kaldi's three headers (min, range, rows, cols) and what follows.
  const auto le = [](int32_t n) { return std::string(reinterpret_cast<const char *>(&n), 4); };
  const std::string range("\0\0\x80\xbf\0\0\0\x40", 8);
  const std::string percentiles("\0\0\x55\x55\xaa\xaa\xff\xff", 8);
  seeds.push_back(std::string("\0utt \0BCM ", 10) + range + le(3) + le(2) + percentiles +
                  percentiles + std::string("\0\x40\xc0\xff\x80\x20", 6));
  seeds.push_back(std::string("\0utt \0BCM2 ", 11) + range + le(1) + le(2) + "\1\2\3\4");
  seeds.push_back(std::string("\0utt \0BCM3 ", 11) + range + le(2) + le(2) + "\1\2\3\4");
  return seeds;
}

std::vector<std::string> WaveSeeds() {
  std::vector<std::string> seeds = {"s16le:16000:2\n" + std::string(16, 'x'),
                                    "f32le:8000\n" + std::string(16, '\0')};
  const int formats[][2] = {
      {SF_FORMAT_WAV | SF_FORMAT_PCM_16, 2},   {SF_FORMAT_WAV | SF_FORMAT_PCM_U8, 1},
      {SF_FORMAT_WAV | SF_FORMAT_PCM_24, 1},   {SF_FORMAT_WAV | SF_FORMAT_FLOAT, 1},
      {SF_FORMAT_WAV | SF_FORMAT_DOUBLE, 1},   {SF_FORMAT_WAV | SF_FORMAT_ULAW, 1},
      {SF_FORMAT_WAVEX | SF_FORMAT_PCM_32, 2}, {SF_FORMAT_RF64 | SF_FORMAT_PCM_16, 1},
      {SF_FORMAT_FLAC | SF_FORMAT_PCM_16, 1},  {SF_FORMAT_AU | SF_FORMAT_PCM_16, 1},
      {SF_FORMAT_NIST | SF_FORMAT_PCM_16, 1}};
  for (const auto &[format, channels] : formats) {
    const ScratchFile scratch;
    SF_INFO info = {};
    info.samplerate = 16000;
    info.channels = channels;
    info.format = format;
    SNDFILE *file = sf_open_fd(dup(scratch.Descriptor()), SFM_WRITE, &info, 1);
    CHECK(file != nullptr) << sf_strerror(nullptr);
    const std::vector<int16_t> samples = {0, 1000, -1000, 32767, -32768, 5, 4, 3, 2, 1, 0, 7};
    sf_write_short(file, samples.data(), static_cast<sf_count_t>(samples.size()));
    sf_close(file);
    seeds.push_back(scratch.Contents());
  }
  return seeds;
}

std::vector<std::string> ModelSeeds() {
  std::vector<std::string> seeds;
  for (int32_t experts : {0, 2}) {
    ModelOptions o;
    o.feature_dim = 8, o.model_dim = 4, o.num_blocks = 1, o.num_heads = 1, o.conv_kernel = 2;
    o.hidden_dim = 4, o.num_experts = experts, o.layers = "0.last:hidden-dim=5";
    o.decoder_blocks = o.reverse_decoder_blocks = 1;
    ModelInfo info;
    info.units = {"<blank>", "a", "<sos/eos>"};
    info.features = {{"num-mel-bins", "8"}};
    o.SetUnits(info.units);
    info.config = o.Config();
    AsrModel model(info.config);
    InitModel(&model, 1);
    const std::string path = TempDir() + "/seed.safetensors";
    WriteModel(path, &model, info);
    seeds.push_back(ReadFile(path));
  }
  const std::string old = GoldenPath("model-files/version-1.safetensors");
  if (!old.empty()) seeds.push_back(ReadFile(old));
  return seeds;
}

std::vector<std::string> PieceSeeds() {
  std::vector<std::string> seeds;
  for (int algorithm = 1; algorithm <= 4; ++algorithm) {
    seeds.push_back(RichWordPieces(algorithm).Bytes() + "\n--\nCAB ED aaaa EEDE");
  }
  return seeds;
}

std::vector<std::string> ConfigSeeds() {
  std::vector<std::string> seeds = {
      std::string("\1 [\n 10 20 5\n 30 100 0 ]\n"),
      std::string("\1{\"mean_stat\": [10, 20], \"var_stat\": [30, 100], \"frame_num\": 5}"),
      std::string("\3confidence-slope=0.5\nconfidence-offset=-1e-1\n"),
      std::string("\2feature-dim=40 # "
                  "bins\n--model-dim=64\nnum_heads=4\nvocab-size=30\nblank=0\nsos=29\neos="
                  "29\nrouter=topk-softmax\n"
                  "ffn-bias=false\ndropout=0.1\nnum-experts=4\n"
                  "layers=0-2,5:num-experts=0;all.last:router=topk-softmax,z-weight=0.1\n")};
  for (const char *model : {"moe", "dense_offline"}) {
    const std::string path = GoldenPath(Cat("models/", model, "/config.json"));
    if (!path.empty()) seeds.push_back(std::string(1, '\0') + ReadFile(path));
  }
  return seeds;
}

#ifdef U2MOE_OPENFST
// A lexicon of two words that begin alike, which a graph can be compiled with.
std::string LexiconSeed() {
  fst::StdVectorFst lexicon;
  for (int s = 0; s < 4; ++s) lexicon.AddState();
  lexicon.SetStart(0);
  lexicon.SetFinal(0, 0);
  lexicon.AddArc(0, fst::StdArc(2, 1, 0.5f, 1));
  lexicon.AddArc(1, fst::StdArc(4, 0, 0.f, 0));  // a disambiguation symbol
  lexicon.AddArc(0, fst::StdArc(2, 2, 0.25f, 2));
  lexicon.AddArc(2, fst::StdArc(3, 0, 0.f, 0));
  const std::string path = TempDir() + "/lexicon.fst";
  WriteFst(lexicon, FstFileType::kVector, path);
  return std::string("\5\0", 2) + ReadFile(path);
}
#endif

std::vector<std::string> GraphSeeds() {
  std::vector<std::string> seeds = {"\2<eps> 0\nja 1\nnein 2\n#0 3\n", "\3ab a b\nb b\nb a\n",
                                    "\4ab 0.5 a b\nab 1e-3 b\n"};
#ifdef U2MOE_OPENFST
  fst::StdVectorFst machine;
  for (int s = 0; s < 3; ++s) machine.AddState();
  machine.SetStart(0);
  machine.SetFinal(2, 0.5f);
  for (int s = 0; s < 3; ++s) {
    machine.AddArc(s, fst::StdArc(1, 0, 0.f, s));
    machine.AddArc(s, fst::StdArc(s % 2 + 2, s, 0.25f, (s + 1) % 3));
    if (s < 2) machine.AddArc(s, fst::StdArc(0, 3, 1.f, s + 1));
  }
  fst::SymbolTable words("words");
  words.AddSymbol("<eps>", 0);
  words.AddSymbol("ja", 1);
  for (const FstFileType type : {FstFileType::kVector, FstFileType::kConst}) {
    machine.SetOutputSymbols(type == FstFileType::kVector ? &words : nullptr);
    const std::string path = TempDir() + "/seed.fst";
    WriteFst(machine, type, path);
    for (const char way : {'\0', '\1'}) seeds.push_back(way + ReadFile(path));
  }
  seeds.push_back(LexiconSeed());
#endif
  return seeds;
}

}  // namespace

std::vector<std::string> FuzzSeeds(const std::string &target) {
  if (target == "table") return TableSeeds();
  if (target == "wave") return WaveSeeds();
  if (target == "model") return ModelSeeds();
  if (target == "config") return ConfigSeeds();
  if (target == "lattice") return LatticeSeeds();
  if (target == "script") {
    return {"a b.ark:12\nb c d.ark:3[0:4,1:2]\nc sox x.wav -t wav - |\n",
            "ark,scp,t:a.ark,b.scp\nark,s,cs,o,p:-\nscp,ncs:gunzip -c x |\nark:| gzip > y\n"};
  }
  if (target == "nbest") {
    return {"u-1 3 1 4\nu-2 3\nv-1 \n--\nu-1  [ -1.5 ]\nu-2  [ -2 ]\nv-1  [ -inf ]\n",
            "u 1 2\n--\nu  [ -0.25 ]\n"};
  }
  if (target == "text") {
    return {"<blank> 0\n<unk> 1\nA 2\nÄ 3\n▁ 4\n<sos/eos> 5\n--\nu1 A Ä\nu2 \nu3 AÄ X\n",
            "<blank> 0\nr 1\n--\nu1 r 0 1.5\nu2 r 2.25 -1 0\nu3 r 1e1 0x10\n"};
  }
  if (target == "pieces") return PieceSeeds();
  if (target == "norm") {
    return {"uh\ncan't can not\nhong kong\thongkong\n--\nHong Kong can't \u00dfx.\n", "a b\n--\na"};
  }
  if (target == "options") {
    return {"--beam=10\n--nbest=3\n--blank-penalty=1e-3\n--method=prefix-beam\nark:a\nark:b\n",
            "--verbose=1\n--number=-2.5\n--large=9223372036854775807\n--\n--beam=1\n"};
  }
  if (target == "arpa") {
    return {
        "\\data\\\nngram  1=   5\nngram 2=3\nngram 3=2\n\n\\1-grams:\n-99 <s> -0.5\n-1\t</s>\n-1 a "
        "-0.25\n-1 b\t-0.5\n-2 <unk>\n\n\\2-grams:\n-0.5 <s> a -0.1\n-0.25 a a 0.3\n-1 a </s>\n\n"
        "\\3-grams:\n-0.5 <s> b a\n-1 a a b\n\\end\\\n",
        "\\data\\\nngram 1=2\n\\1-grams:\n-0.3 </s>\n-inf <s>\n\\end\\\n"};
  }
  if (target == "graph") return GraphSeeds();
  if (target == "hotwords") {
    return {"<blank> 0\nA 1\nB 2\nÄ 3\n▁ 4\n--\nA B\nAB\t2.5\n\nÄ A\t-1e1\nX\n",
            "<blank> 0\n好 1\n--\n好\n好好\t0\n好\n"};
  }
  if (target == "allowed") {
    return {"<blank> 0\nA 1\nB 2\nÄ 3\n▁ 4\n--\nA AB\nABÄ BA\nB\n",
            "<blank> 0\n好 1\n人 2\n--\n好人 好\n"};
  }
  if (target == "ctm") {
    return {";; made by hand\nrec 1 0.5 0.25 EIN 0.9\nrec 1 0.75 1e1 \"ZWEI\" 1\nb A 0 0 <unk>\n",
            "好 1 359999.5 2.5 今天天气很好今天天气很好今天天气很好今天天气很好今天天气很好\n"};
  }
  if (target == "topology") {
    return {"# two ranks\nalpha\n0 1e-5\n1e-5 0\nbeta\n1e-11 1e-10\n1e-10 1e-11\n",
            "beta\n1 2 4\n2 1 4\n4 4 1\nalpha\n0 0 0\n0 0 0\n0 0 0\n", "beta\n1\n"};
  }
  CHECK(false) << "no fuzz target " << target;
  return {};
}

}  // namespace u2moe
