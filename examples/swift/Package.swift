// swift-tools-version:5.7
// Over an SDK of macOS or Linux: PKG_CONFIG_PATH=<unpacked>/lib/pkgconfig swift build. For iOS put the SDK's static
// libraries into an XCFramework (xcodebuild -create-xcframework) and name that by .binaryTarget instead of CSecateur.
import PackageDescription

let package = Package(
    name: "Secateur",
    products: [.library(name: "Secateur", targets: ["Secateur"])],
    targets: [
        .systemLibrary(name: "CSecateur", pkgConfig: "secateur-static"),
        .target(name: "Secateur", dependencies: ["CSecateur"]),
    ]
)
