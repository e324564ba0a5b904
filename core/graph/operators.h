// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/graph/convolution_geometry.h"
#include "core/tensor/tensor.h"

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace gradus {

struct Subgraph;

/// Operators as small values, with the semantics of ONNX where it has them: what it calls
/// attributes are members, what it calls inputs are inputs, in its order; an optional one that is
/// missing is noValue. Parameters that methods and trainings change (weights, biases, norms) are
/// names of tensors of the model instead, "" for one that is missing. Activations are row-major,
/// float32 or int64 or bool: tokens as batch × sequence × features, images as batch × C × H × W.
/// Negative axes count from the end.
namespace op {

// ---- with parameters ----------------------------------------------------------------------------

/// ids (any shape, integers) → ids' shape × features: rows of weight (vocabulary × features). An id
/// outside throws Error(Shape); with countsFromEnd −1 is the last row (ONNX Gather).
struct Embedding
{
    std::string weight;
    bool countsFromEnd = false;
};

/// y = x / sqrt(mean(x²) + epsilon) · weight, over features (ONNX RMSNormalization).
struct RmsNorm
{
    std::string weight;
    float epsilon = 1e-5F;
};

/// y = (x − mean) / sqrt(variance + epsilon) · weight + bias over the last axis.
struct LayerNorm
{
    std::string weight;
    std::string bias;
    float epsilon = 1e-5F;
};

/// batch × C × …: y = (x − mean[c]) / sqrt(variance[c] + epsilon) · weight[c] + bias[c].
struct BatchNorm
{
    std::string weight;
    std::string bias;
    std::string mean;
    std::string variance;
    float epsilon = 1e-5F;
};

/// batch × C × …: every channel of every image by its own mean and variance.
struct InstanceNorm
{
    std::string weight;
    std::string bias;
    float epsilon = 1e-5F;
};

/// y = x · Wᵀ + bias over the last axis; W: out × in, whatever its layout in the file.
struct Linear
{
    std::string weight;
    std::string bias;
};

/// batch × C × H × W → batch × out × H' × W'; batch × C × L with isLine. W: out × C/groups·kh·kw.
struct Convolution
{
    std::string weight;
    std::string bias;
    ConvolutionGeometry geometry;
    bool isLine = false;
};

/// Its transpose. The weight lies as in ONNX, C × out/groups × kh × kw, and is no layer's.
/// geometry.channels is C; padding is cut off the result; outputPadding is added to its end.
struct ConvolutionTranspose
{
    std::string weight;
    std::string bias;
    ConvolutionGeometry geometry;
    std::int64_t outChannels = 0;
    std::array<std::int64_t, 2> outputPadding{0, 0};
    bool isLine = false;
};

// ---- attention ----------------------------------------------------------------------------------

/// Rotary position embedding on each head of headDim features: pairs (i, i + headDim/2), angle
/// position · inverseFrequency[i] (ONNX RotaryEmbedding, interleaved = 0).
struct Rotary
{
    std::int64_t headDim = 0;
    std::vector<float> inverseFrequency; ///< headDim/2 values
};

/// Grouped-query attention of q (batch × n × heads · headDim), k and v (batch × m × kvHeads ·
/// headDim): softmax(scale · q·kᵀ + mask)·v per head. Input 3, optional: mask, float, of a shape
/// that broadcasts to batch × heads × n × m; not together with a cache.
struct Attention
{
    std::int64_t heads = 0;
    std::int64_t kvHeads = 0;
    std::int64_t headDim = 0;
    float scale = 1;
    std::int64_t window = 0; ///< sliding window in tokens, 0 for none; causal only
    bool causal = true;
};

// ---- element by element -------------------------------------------------------------------------

enum class UnaryKind
{
    Relu,
    LeakyRelu, ///< alpha: slope below 0
    Elu,       ///< alpha
    Selu,      ///< alpha, beta = gamma
    Gelu,      ///< x · Φ(x), by erf
    GeluTanh,  ///< by tanh(√(2/π) (x + 0.044715 x³))
    QuickGelu, ///< x · sigmoid(1.702 x)
    Silu,      ///< x · sigmoid(x)
    Sigmoid,
    HardSigmoid, ///< max(0, min(1, alpha x + beta))
    HardSwish,   ///< x · HardSigmoid(x; 1/6, 1/2)
    Softplus,
    Softsign,
    Mish,
    Tanh,
    Erf,
    Exp,
    Log,
    Sqrt,
    Reciprocal,
    Abs,
    Neg,
    Sign,
    Floor,
    Ceil,
    Round, ///< half to even
    Sin,
    Cos,
    Clip, ///< to [alpha, beta]
    Not,  ///< of bool
};

/// Floats, unless said otherwise; Abs, Neg, Sign and Clip of int64 too.
struct Unary
{
    UnaryKind kind = UnaryKind::Relu;
    float alpha = 0;
    float beta = 0;
};

enum class BinaryKind
{
    Add,
    Subtract,
    Multiply,
    Divide, ///< of integers: towards 0; by 0 throws Error(Numeric)
    Power,
    Minimum,
    Maximum,
    Modulo,    ///< sign of the divisor (fmod = 0)
    Remainder, ///< sign of the dividend (fmod = 1)
    PRelu,     ///< b is the slope where a < 0
    Equal,     ///< these five → bool
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    And, ///< of bool
    Or,
    Xor,
};

/// With broadcasting, of two tensors of one dtype (float32, int64; bool where said).
struct Binary
{
    BinaryKind kind = BinaryKind::Add;
};

/// condition (bool) ? a : b, with broadcasting.
struct Where
{
};

struct Cast
{
    DType to = DType::F32; ///< F32, I64 or Bool; other types are run as the nearest of them
};

// ---- products, reductions, orders ---------------------------------------------------------------

/// scale · a · b of two activations (or a constant that is no layer's), batch dimensions broadcast;
/// the last two axes of an operand are swapped first where said.
struct MatMul
{
    bool transposeA = false;
    bool transposeB = false;
    float scale = 1;
};

struct Softmax
{
    std::int64_t axis = -1;
    bool logarithm = false;
    bool flattens = false; ///< before opset 13: over all axes from `axis` on
};

enum class ReduceKind
{
    Mean,
    Sum,
    Max,
    Min,
    Product,
    L1,
    L2,
    SumSquare,
    LogSum,
    LogSumExp,
};

/// Over `axes`, or those of input 1 (int64) where it is there; none of both: all axes, or, with
/// noopWithoutAxes, none.
struct Reduce
{
    ReduceKind kind = ReduceKind::Mean;
    std::vector<std::int64_t> axes;
    bool keepDims = true;
    bool noopWithoutAxes = false;
};

/// → int64.
struct ArgExtreme
{
    bool maximum = true;
    std::int64_t axis = 0;
    bool keepDims = true;
    bool selectLast = false; ///< of equals
};

/// x, k (int64, one element) → values, indices (int64). Equals: the lower index first.
struct TopK
{
    std::int64_t axis = -1;
    bool largest = true;
    bool sorted = true;
};

/// x, axis (int64, one element).
struct CumSum
{
    bool exclusive = false;
    bool reverse = false;
};

// ---- images -------------------------------------------------------------------------------------

enum class PoolKind
{
    Maximum,
    Average,
};

/// batch × C × H × W, or batch × C × L with isLine; channels and groups of the geometry are not
/// looked at.
struct Pool
{
    PoolKind kind = PoolKind::Maximum;
    ConvolutionGeometry geometry;
    bool ceilMode = false;
    bool countsPadding = false; ///< in an average
    bool isLine = false;
};

/// Over everything behind the channels; those axes stay, of size 1.
struct GlobalPool
{
    PoolKind kind = PoolKind::Average;
};

enum class ResizeMode
{
    Nearest,
    Linear,
    Cubic,
};
enum class ResizeCoordinates
{
    HalfPixel,
    PytorchHalfPixel,
    AlignCorners,
    Asymmetric,
};
enum class ResizeNearest
{
    RoundPreferFloor,
    RoundPreferCeil,
    Floor,
    Ceil,
};

/// x, scales (float, optional), sizes (int64, optional): one for each axis of x, or for `axes`.
struct Resize
{
    ResizeMode mode = ResizeMode::Nearest;
    ResizeCoordinates coordinates = ResizeCoordinates::HalfPixel;
    ResizeNearest nearest = ResizeNearest::RoundPreferFloor;
    float cubicA = -0.75F;
    bool excludesOutside = false;
    std::vector<std::int64_t> axes;
};

enum class PadMode
{
    Constant,
    Reflect,
    Edge,
    Wrap,
};

/// x, pads (int64; begins, then ends), value (optional, one element), axes (int64, optional).
/// Negative pads cut.
struct Pad
{
    PadMode mode = PadMode::Constant;
};

struct DepthToSpace
{
    std::int64_t blockSize = 1;
    bool columnRowDepth = false; ///< mode CRD, else DCR
};

struct SpaceToDepth
{
    std::int64_t blockSize = 1;
};

// ---- shapes, any dtype --------------------------------------------------------------------------

/// x, shape (int64): 0 copies a size (unless allowZero), −1 follows from the others.
struct Reshape
{
    bool allowZero = false;
};

struct Transpose
{
    std::vector<std::int64_t> permutation; ///< empty: reversed
};

struct Flatten
{
    std::int64_t axis = 1;
};

/// x, axes (int64, optional: all of size 1).
struct Squeeze
{
};

/// x, axes (int64).
struct Unsqueeze
{
};

struct Concat
{
    std::int64_t axis = 0;
};

/// x, sizes (int64, optional: equal parts, the last smaller) → one output for each.
struct Split
{
    std::int64_t axis = 0;
};

/// x, starts, ends, axes (optional), steps (optional), all int64.
struct Slice
{
};

/// x, indices (int64) along one axis.
struct Gather
{
    std::int64_t axis = 0;
};

/// x, indices (int64, like the result) along one axis.
struct GatherElements
{
    std::int64_t axis = 0;
};

/// x, indices (int64).
struct GatherNd
{
    std::int64_t batchDims = 0;
};

/// x, shape (int64).
struct Expand
{
};

/// x, repeats (int64).
struct Tile
{
};

/// → int64, sizes [start, end).
struct ShapeOf
{
    std::int64_t start = 0;
    std::int64_t end = INT64_MAX;
};

/// → int64 scalar.
struct Size
{
};

/// shape (int64) → filled with the one element of `value`.
struct ConstantOfShape
{
    std::shared_ptr<const Tensor> value;
};

/// start, limit, delta: scalars of one dtype.
struct Range
{
};

// ---- quantized, control -------------------------------------------------------------------------

/// x, scale, zero (optional) → codes as floats of whole value, rounded half to even and kept in
/// [minimum, maximum].
struct QuantizeLinear
{
    std::int64_t axis = 1;
    std::int64_t blockSize = 0; ///< 0: per tensor or per axis, as scale's shape tells
    std::int64_t minimum = 0;
    std::int64_t maximum = 255;
};

/// codes, scale, zero (optional) → (codes − zero) · scale.
struct DequantizeLinear
{
    std::int64_t axis = 1;
    std::int64_t blockSize = 0;
};

/// condition (bool, one element) → the outputs of one branch. Branches read values of the graph
/// around them by their ids.
struct If
{
    std::shared_ptr<const Subgraph> thenBranch;
    std::shared_ptr<const Subgraph> elseBranch;
};

} // namespace op

using Operator = std::variant<
    op::Embedding, op::RmsNorm, op::LayerNorm, op::BatchNorm, op::InstanceNorm, op::Linear,
    op::Convolution, op::ConvolutionTranspose, op::Rotary, op::Attention, op::Unary, op::Binary,
    op::Where, op::Cast, op::MatMul, op::Softmax, op::Reduce, op::ArgExtreme, op::TopK, op::CumSum,
    op::Pool, op::GlobalPool, op::Resize, op::Pad, op::DepthToSpace, op::SpaceToDepth, op::Reshape,
    op::Transpose, op::Flatten, op::Squeeze, op::Unsqueeze, op::Concat, op::Split, op::Slice,
    op::Gather, op::GatherElements, op::GatherNd, op::Expand, op::Tile, op::ShapeOf, op::Size,
    op::ConstantOfShape, op::Range, op::QuantizeLinear, op::DequantizeLinear, op::If>;

/// "Softmax"; of Unary, Binary, Reduce and Pool the kind: "Gelu", "Add", "ReduceMean",
/// "MaximumPool".
[[nodiscard]] std::string_view operatorName(const Operator& op);
/// One of each, and of each kind, as made by default: what tests walk over.
[[nodiscard]] std::vector<Operator> everyOperator();
/// False for those whose results are integers or flat almost everywhere: no gradient passes them.
[[nodiscard]] bool isDifferentiable(const Operator& op);

} // namespace gradus
