// Parity with WeNet on every golden model: encoder, CTC and decoder outputs, routing, streaming
// caches.
#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <string>
#include <tuple>

#include "model/golden.h"
#include "modelfile/safetensors.h"
#include "ops/elementwise.h"
#include "ops/embedding.h"
#include "ops/softmax.h"
#include "support/golden-report.h"
#include "tensor/gemm.h"

namespace u2moe {
namespace {

// The name of a model, and whether its weights are packed for inference.
class GoldenModelTest : public testing::TestWithParam<std::tuple<std::string, bool>> {
 protected:
  GoldenModelTest() : golden_(std::get<0>(GetParam())) {
    if (std::get<1>(GetParam())) golden_.model->PrepareForInference(ctx_);
  }

  Tensor Encode(ConstView feats, const AttentionMask &mask, RouteSink *routes = nullptr) const {
    ForwardMode mode;
    mode.mask = mask;
    mode.routes = routes;
    Tensor out;
    RaggedShape shape;
    golden_.model->Encoder().Forward(ctx_, mode, feats, RaggedShape::Single(feats.Rows()), &out,
                                     &shape, nullptr, nullptr);
    return out;
  }

  // Chunk by chunk with caches, as WeNet's forward_chunk_by_chunk. after_chunk(n, output, state) is
  // called after the n-th chunk.
  template <class Fn>
  Tensor Stream(ConstView feats, int64_t chunk, int64_t left, RouteSink *routes,
                Fn after_chunk) const {
    const Encoder &encoder = golden_.model->Encoder();
    StreamState state = encoder.NewStream();
    ForwardMode mode;
    mode.streams = {&state};
    mode.routes = routes;
    mode.max_cache = left < 0 ? -1 : chunk * left;
    Tensor out(encoder.OutLength(feats.Rows()), golden_.model->Config().encoder.model_dim);
    const int64_t shift = chunk * encoder.SubsamplingRate();
    int64_t done = 0;
    for (int64_t begin = 0; done < out.Rows(); begin += shift) {
      const int64_t length = std::min(encoder.WindowLength(chunk), feats.Rows() - begin);
      Tensor y;
      RaggedShape shape;
      encoder.Forward(ctx_, mode, feats.RowRange(begin, length), RaggedShape::Single(length), &y,
                      &shape, nullptr, nullptr);
      for (int64_t i = 0; i < y.Rows(); ++i)
        std::copy_n(y.View().Row(i), y.Cols(), out.View().Row(done + i));
      done += y.Rows();
      after_chunk(begin / shift, y, state);
    }
    return out;
  }
  Tensor Stream(ConstView feats, int64_t chunk, int64_t left) const {
    return Stream(feats, chunk, left, nullptr, [](int64_t, const Tensor &, const StreamState &) {});
  }

  void Report(const std::string &set, const std::string &file, double worst) const {
    ReportGolden(set, "models/" + golden_.name + "/" + file, worst, golden_.Atol(file));
  }

  template <class Fn>
  void CheckArchive(const std::string &set, const std::string &feats,
                    const std::string &encoder_file, const std::string &ctc_file, Fn encode) {
    std::map<std::string, Tensor> want_ctc;
    if (!ctc_file.empty()) {
      for (auto &[key, t] : ReadArchive(golden_.dir + "/" + ctc_file)) want_ctc[key] = t;
    }
    std::map<std::string, Tensor> inputs;
    for (auto &[key, t] : ReadArchive(golden_.dir + "/" + feats)) inputs[key] = t;
    double worst = 0, worst_ctc = 0;
    int n = 0;
    for (const auto &[key, want] : ReadArchive(golden_.dir + "/" + encoder_file)) {
      const Tensor got = encode(inputs.at(key));
      ASSERT_EQ(got.Rows(), want.Rows()) << key;
      worst = std::max(worst, MaxAbsDiff(got, want));
      if (!ctc_file.empty()) {
        worst_ctc = std::max(worst_ctc,
                             MaxAbsDiff(golden_.model->CtcLogProbs(ctx_, got), want_ctc.at(key)));
      }
      ++n;
    }
    EXPECT_GT(n, 0);
    Report(set, encoder_file, worst);
    if (!ctc_file.empty()) Report(set, ctc_file, worst_ctc);
  }

  GoldenModel golden_;
  Context ctx_;
};

TEST_P(GoldenModelTest, WholeUtterance) {
  CheckArchive("whole", "feats.ark", "enc_offline.ark", "ctc_offline.ark",
               [&](const Tensor &x) { return Encode(x, AttentionMask::Full()); });
  CheckArchive("whole", "edge_feats.ark", "edge_enc_offline.ark", "",
               [&](const Tensor &x) { return Encode(x, AttentionMask::Full()); });
}

TEST_P(GoldenModelTest, RaggedBatchEqualsSingles) {
  const auto feats = ReadArchive(golden_.dir + "/feats.ark");
  RaggedShape shape;
  for (const auto &[key, x] : feats) shape.Append(x.Rows());
  Tensor all(shape.TotalRows(), feats[0].second.Cols());
  for (int b = 0; b < shape.NumSequences(); ++b) {
    const Tensor &x = feats[static_cast<size_t>(b)].second;
    std::copy_n(x.Data(), x.Size(), shape.Rows(all.View(), b).Data());
  }
  Tensor out;
  RaggedShape out_shape;
  golden_.model->Encoder().Forward(ctx_, ForwardMode(), all, shape, &out, &out_shape, nullptr,
                                   nullptr);
  for (int b = 0; b < shape.NumSequences(); ++b) {
    const Tensor single = Encode(feats[static_cast<size_t>(b)].second, AttentionMask::Full());
    EXPECT_LE(MaxAbsDiff(out_shape.Rows(out.View(), b), single), 1e-5) << b;
  }
}

TEST_P(GoldenModelTest, ChunkMasksAndStreams) {
  if (!golden_.Streams()) GTEST_SKIP() << golden_.name << " was made for whole utterances only";
  const int64_t chunk = golden_.config["golden"]["decoding_chunk_size"];
  for (int64_t left : golden_.config["golden"]["num_decoding_left_chunks"]) {
    const std::string suffix = "_chunk" + std::to_string(chunk) + "_left" +
                               (left < 0 ? "all" : std::to_string(left)) + ".ark";
    CheckArchive("chunk", "feats.ark", "enc_masked" + suffix, "ctc_masked" + suffix,
                 [&](const Tensor &x) { return Encode(x, AttentionMask::Chunk(chunk, left)); });
    CheckArchive("streaming", "feats.ark", "enc_stream" + suffix, "ctc_stream" + suffix,
                 [&](const Tensor &x) { return Stream(x, chunk, left); });
  }
  CheckArchive("streaming", "edge_feats.ark", "edge_enc_stream_chunk1_left1.ark", "",
               [&](const Tensor &x) { return Stream(x, 1, 1); });
}

// Keys and values that are handed from chunk to chunk; WeNet has them side by side per head
// [blocks, H, t, 2 d_k]. Its caches of the convolution modules are not ours (their inputs; we keep
// what the depthwise filter sees), so those are judged by the outputs of the next chunks.
TEST_P(GoldenModelTest, StreamCaches) {
  if (!golden_.Streams()) GTEST_SKIP() << golden_.name << " cannot stream";
  const EncoderConfig &config = golden_.model->Config().encoder;
  const int64_t heads = config.num_heads, head_dim = config.model_dim / heads;
  std::map<std::string, Tensor> feats;
  for (auto &[key, x] : ReadArchive(golden_.dir + "/feats.ark")) feats[key] = x;
  const GoldenModel unpacked(golden_.name);
  std::map<std::string, const Tensor *> params;
  ForEachParam(unpacked.model.get(), [&](const std::string &name, const Tensor *t,
                                         const ParamInit &, bool) { params[name] = t; });
  for (const int64_t left : {2, 0}) {
    const std::string suffix = "chunk4_left" + std::to_string(left),
                      file = "stream_cache_" + suffix + ".safetensors";
    const SafetensorsFile want(golden_.dir + "/" + file);
    double worst = 0;
    int64_t num_chunks = 0;
    const auto compare = [&](int64_t n, const Tensor &y, const StreamState &state) {
      if (n >= 3) return;  // the file has three chunks
      ++num_chunks;
      const std::string chunk = "chunk" + std::to_string(n) + ".";
      const Tensor output = want.Floats(chunk + "output"), cache = want.Floats(chunk + "att_cache");
      ASSERT_EQ(output.Size(), y.Size());
      worst = std::max(worst, MaxAbsDiff(y, ConstView(output.Data(), y.Rows(), y.Cols())));
      const int64_t past = std::min((n + 1) * 4, left * 4);
      ASSERT_EQ(cache.Size(), config.num_blocks * past * 2 * config.model_dim);
      const float *next = cache.Data();
      for (int64_t b = 0; b < config.num_blocks; ++b) {
        AttentionCache got = state.blocks[static_cast<size_t>(b)].attention;
        ASSERT_EQ(got.Rows(), past);
        const AttentionCache::Views views = got.Extend(ctx_, 0, config.model_dim, config.num_heads);
        // We keep keys with their positions, WeNet without.
        Tensor table(past, config.model_dim), p(past, config.model_dim);
        PositionTable(ctx_, state.offset - past, table);
        const std::string name = Cat("encoder.encoders.", b, ".self_attn.linear_pos.weight");
        Gemm(ctx_, 1, table, Trans::kNo, *params.at(name), Trans::kYes, 0, p);
        AddTo(ctx_, -1, p, views.keys);
        for (int64_t h = 0; h < heads; ++h) {
          for (int64_t t = 0; t < past; ++t) {
            for (const View &part : {views.keys, views.values}) {
              for (int64_t d = 0; d < head_dim; ++d)
                worst = std::max(worst, Deviation(part(t, h * head_dim + d), *next++));
            }
          }
        }
      }
    };
    Stream(feats.at("utt3"), 4, left, nullptr, compare);
    EXPECT_EQ(num_chunks, 3);
    // The file has no tolerance of its own; keys and values are as large as the output.
    ReportGolden("streaming", "models/" + golden_.name + "/" + file, worst,
                 golden_.Atol("enc_stream_" + suffix + ".ark"));
  }
}

TEST_P(GoldenModelTest, StreamsAdvanceTogetherAsAlone) {
  if (!golden_.Streams()) GTEST_SKIP() << golden_.name << " cannot stream";
  const Encoder &encoder = golden_.model->Encoder();
  const auto feats = ReadArchive(golden_.dir + "/feats.ark");
  const int64_t chunk = 2, left = 3, window = encoder.WindowLength(chunk),
                shift = chunk * encoder.SubsamplingRate();
  // Three streams that started at different times, one step of all three against one step of each.
  std::vector<StreamState> together, alone;
  Tensor batch(3 * window, feats[0].second.Cols());
  RaggedShape shape;
  ForwardMode mode;
  mode.max_cache = chunk * left;
  std::vector<Tensor> single;
  for (int b = 0; b < 3; ++b) {
    const Tensor &x = feats[static_cast<size_t>(b) + 1].second;
    StreamState state = encoder.NewStream();
    Tensor y;
    RaggedShape y_shape;
    for (int step = 0; step <= b; ++step) {
      if (step == b) together.push_back(state);
      mode.streams = {&state};
      encoder.Forward(ctx_, mode, x.View().RowRange(step * shift, window),
                      RaggedShape::Single(window), &y, &y_shape, nullptr, nullptr);
    }
    single.push_back(y);
    std::copy_n(x.View().Row(b * shift), window * x.Cols(), batch.View().Row(b * window));
    shape.Append(window);
  }
  mode.streams.clear();
  for (StreamState &s : together) mode.streams.push_back(&s);
  Tensor y;
  RaggedShape y_shape;
  encoder.Forward(ctx_, mode, batch, shape, &y, &y_shape, nullptr, nullptr);
  for (int b = 0; b < 3; ++b)
    EXPECT_LE(MaxAbsDiff(y_shape.Rows(y.View(), b), single[static_cast<size_t>(b)]), 1e-5) << b;
}

TEST_P(GoldenModelTest, Decoders) {
  const nlohmann::json hyps = ReadJson(golden_.dir + "/dec_hyps.json");
  std::map<std::string, Tensor> encoded;
  for (auto &[key, t] : ReadArchive(golden_.dir + "/enc_offline.ark")) encoded[key] = t;
  for (const bool reverse : {false, true}) {
    const std::string file = reverse ? "dec_r2l.ark" : "dec_l2r.ark";
    std::map<std::string, Tensor> want;
    for (auto &[key, t] : ReadArchive(golden_.dir + "/" + file)) want[key] = t;
    double worst = 0;
    size_t n = 0;
    for (const auto &[utt, list] : hyps.items()) {
      // All hypotheses of an utterance in one ragged batch.
      const std::vector<std::vector<int32_t>> labels = list;
      const DecoderInput input = MakeDecoderInput(labels, std::vector<int>(labels.size(), 0),
                                                  golden_.model->Config().sos, reverse);
      const Tensor &memory = encoded.at(utt);
      Tensor logits;
      const Decoder &decoder =
          reverse ? golden_.model->RightDecoder() : golden_.model->LeftDecoder();
      decoder.Forward(ctx_, input, memory, RaggedShape::Single(memory.Rows()), nullptr, nullptr,
                      &logits, nullptr);
      LogSoftmaxForward(ctx_, logits, logits);
      for (int h = 0; h < input.shape.NumSequences(); ++h, ++n) {
        worst = std::max(worst, MaxAbsDiff(input.shape.Rows(logits.View(), h),
                                           want.at(utt + "-h" + std::to_string(h))));
      }
    }
    EXPECT_EQ(n, want.size());
    Report("decoder", file, worst);
  }
}

struct Recorder : RouteSink {
  struct Call {
    Tensor logits;
    std::vector<int32_t> experts;
    std::vector<float> gates;
  };
  std::vector<Call> calls;
  void OnRoute(ConstView logits, Span<int32_t> experts, Span<float> gates) override {
    calls.push_back(
        {Tensor::Copy(logits), {experts.begin(), experts.end()}, {gates.begin(), gates.end()}});
  }
};

TEST_P(GoldenModelTest, Routing) {
  if (golden_.model->Config().encoder.ffn.num_experts == 0)
    GTEST_SKIP() << golden_.name << " has no experts";
  const nlohmann::json selected = ReadJson(golden_.dir + "/moe/experts.json")["selected"];
  const auto check = [&](const std::string &layer, const std::string &key,
                         const Recorder::Call &call, ConstView rows, int64_t begin) {
    const std::vector<std::vector<int32_t>> want = selected.at(layer).at(key);
    ASSERT_EQ(static_cast<int64_t>(want.size()), rows.Rows()) << layer << " " << key;
    for (size_t t = 0; t < want.size(); ++t) {
      for (size_t k = 0; k < want[t].size(); ++k) {
        EXPECT_EQ(call.experts[(static_cast<size_t>(begin) + t) * want[t].size() + k], want[t][k])
            << layer << " " << key << " row " << t;
      }
    }
  };
  // Logits and gates; the files of the decoders have the keys of their hypotheses.
  std::map<std::string, double> worst;
  const auto compare = [&](const std::string &layer, const std::string &key,
                           const Recorder::Call &call, int64_t begin, int64_t rows) {
    const int64_t k = static_cast<int64_t>(call.gates.size()) / call.logits.Rows();
    const std::map<std::string, ConstView> parts = {
        {"router", call.logits.View().RowRange(begin, rows)},
        {"gates", ConstView(call.gates.data() + begin * k, rows, k)}};
    for (const auto &[what, got] : parts) {
      const std::string file = "moe/" + layer + "." + what + ".ark";
      RandomAccessMatrixReader reader("ark:" + golden_.dir + "/" + file);
      worst[file] = std::max(worst[file], MaxAbsDiff(got, reader.Value(key)));
    }
  };
  const int blocks = golden_.model->Config().encoder.num_blocks;
  std::map<std::string, Tensor> encoded;
  int checked = 0;
  for (const auto &[key, x] : ReadArchive(golden_.dir + "/feats.ark")) {
    Recorder recorder;
    encoded[key] = Encode(x, AttentionMask::Full(), &recorder);
    ASSERT_EQ(recorder.calls.size(), static_cast<size_t>(2 * blocks));
    for (int i = 0; i < 2 * blocks; ++i, ++checked) {
      const std::string layer = "encoder.encoders." + std::to_string(i / 2) +
                                (i % 2 ? ".feed_forward" : ".feed_forward_macaron");
      const Recorder::Call &call = recorder.calls[static_cast<size_t>(i)];
      check(layer, key, call, call.logits, 0);
      compare(layer, key, call, 0, call.logits.Rows());
    }
  }
  const nlohmann::json hyps = ReadJson(golden_.dir + "/dec_hyps.json");
  for (const bool reverse : {false, true}) {
    const Decoder &decoder = reverse ? golden_.model->RightDecoder() : golden_.model->LeftDecoder();
    for (const auto &[utt, list] : hyps.items()) {
      const std::vector<std::vector<int32_t>> labels = list;
      const DecoderInput input = MakeDecoderInput(labels, std::vector<int>(labels.size(), 0),
                                                  golden_.model->Config().sos, reverse);
      Recorder recorder;
      Tensor logits;
      decoder.Forward(ctx_, input, encoded.at(utt), RaggedShape::Single(encoded.at(utt).Rows()),
                      nullptr, &recorder, &logits, nullptr);
      for (size_t i = 0; i < recorder.calls.size(); ++i) {
        const std::string layer = std::string("decoder.") + (reverse ? "right" : "left") +
                                  "_decoder.decoders." + std::to_string(i) + ".feed_forward";
        for (int h = 0; h < input.shape.NumSequences(); ++h, ++checked) {
          const std::string key = utt + "-h" + std::to_string(h);
          check(layer, key, recorder.calls[i], input.shape.Rows(recorder.calls[i].logits.View(), h),
                input.shape.Begin(h));
          compare(layer, key, recorder.calls[i], input.shape.Begin(h), input.shape.Length(h));
        }
      }
    }
  }
  EXPECT_EQ(checked, 4 * 2 * blocks + 2 * 2 * 12);
  EXPECT_EQ(worst.size(), static_cast<size_t>(2 * (2 * blocks + 4)));
  for (const auto &[file, deviation] : worst) Report("routing", file, deviation);
}

// A stream chooses the experts of the masked whole, frame by frame; near-ties, which rounding may
// decide either way, are counted.
TEST_P(GoldenModelTest, StreamsRouteAsTheMaskedWhole) {
  const FeedForwardConfig &ffn = golden_.model->Config().encoder.ffn;
  if (ffn.num_experts == 0) GTEST_SKIP() << golden_.name << " has no experts";
  const size_t layers = static_cast<size_t>(2 * golden_.model->Config().encoder.num_blocks),
               k = static_cast<size_t>(ffn.experts_per_frame);
  int64_t num_rows = 0, num_ties = 0;
  for (const int64_t chunk : {1, 4, 8, 16}) {
    for (const int64_t left : {-1, 0, 2}) {
      for (const auto &[key, x] : ReadArchive(golden_.dir + "/feats.ark")) {
        Recorder whole, parts;
        Encode(x, AttentionMask::Chunk(chunk, left), &whole);
        Stream(x, chunk, left, &parts, [](int64_t, const Tensor &, const StreamState &) {});
        ASSERT_EQ(whole.calls.size(), layers);
        ASSERT_EQ(parts.calls.size() % layers, 0u);
        for (size_t layer = 0; layer < layers; ++layer) {
          const Recorder::Call &want = whole.calls[layer];
          int64_t t = 0;
          for (size_t c = layer; c < parts.calls.size(); c += layers) {
            const std::vector<int32_t> &got = parts.calls[c].experts;
            for (size_t i = 0; i < got.size(); i += k, ++t, ++num_rows) {
              const float *logits = want.logits.View().Row(t);
              std::vector<float> sorted(logits, logits + want.logits.Cols());
              std::sort(sorted.rbegin(), sorted.rend());
              bool tie = false;
              for (size_t j = 0; j < k; ++j) tie = tie || sorted[j] - sorted[j + 1] < 1e-4f;
              num_ties += tie;
              for (size_t j = 0; j < k && !tie; ++j)
                EXPECT_EQ(got[i + j], want.experts[static_cast<size_t>(t) * k + j])
                    << key << " chunk " << chunk << " left " << left << " layer " << layer
                    << " frame " << t;
            }
          }
          EXPECT_EQ(t, want.logits.Rows());
        }
      }
    }
  }
  std::printf("  %s: %d near-ties among %d decisions\n", golden_.name.c_str(),
              static_cast<int>(num_ties), static_cast<int>(num_rows));
  EXPECT_LT(num_ties, num_rows / 100);
}

INSTANTIATE_TEST_SUITE_P(All, GoldenModelTest,
                         testing::Combine(testing::ValuesIn(GoldenModelNames()), testing::Bool()),
                         [](const auto &info) {
                           return std::get<0>(info.param) +
                                  (std::get<1>(info.param) ? "_packed" : "");
                         });

}  // namespace
}  // namespace u2moe
